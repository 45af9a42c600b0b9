// node rudder.js INGEST_URL WRITE_KEY: identify, group and track with the RudderStack Node SDK.
const RudderAnalytics = require("@rudderstack/rudder-sdk-node");

const [url, writeKey] = process.argv.slice(2);
const client = new RudderAnalytics(writeKey, { dataPlaneUrl: url });
client.identify({ userId: "rn-1", traits: { name: "Ana Lima", email: "ana@example.com", country: "PT" } });
client.group({ userId: "rn-1", groupId: "rn-acme", traits: { name: "Acme", size: 150, mrr: 1200 } });
client.track({ userId: "rn-1", event: "Order Completed", properties: { value: 120, quantity: 0 }, messageId: "rn-m1" });
client.flush().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
