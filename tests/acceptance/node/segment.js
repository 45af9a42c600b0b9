// node segment.js INGEST_URL WRITE_KEY: identify, group and track with the Segment Node SDK.
const { Analytics } = require("@segment/analytics-node");

const [url, writeKey] = process.argv.slice(2);
const client = new Analytics({ writeKey, host: url, flushAt: 3 });
client.on("error", (error) => { console.error(error); process.exit(1); });
client.identify({ userId: "sn-1", traits: { name: "Bo Berg", email: "bo@example.com", createdAt: "2022-04-27T10:00:00Z" } });
client.group({ userId: "sn-1", groupId: "sn-acme", traits: { name: "Acme", plan: "Pro" } });
client.track({ userId: "sn-1", event: "Plan Changed", properties: { to: "Pro", seats: 5 }, messageId: "sn-m1" });
client.closeAndFlush().then(() => process.exit(0));
