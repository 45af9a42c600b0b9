// node legacy.js INGEST_URL WRITE_KEY: the SDKs that came before those of rudder.js and segment.js, and RudderStack's for
// service workers, each with a person of its own.
const RudderOne = require("rudder-sdk-node-1");
const SegmentOld = require("analytics-node");
const { Analytics: ServiceWorker } = require("@rudderstack/analytics-js-service-worker");

const [url, writeKey] = process.argv.slice(2);

function tell(client, name) {
  client.identify({ userId: `${name}-1`, traits: { name: "Ana Lima", email: `ana-${name}@example.com`, country: "PT" } });
  client.group({ userId: `${name}-1`, groupId: `${name}-acme`, traits: { name: "Acme", size: 150 } });
  client.track({ userId: `${name}-1`, event: "Order Completed", properties: { value: 120, quantity: 0 }, messageId: `${name}-m1` });
}

function flushed(client) {
  return new Promise((done, failed) => client.flush((error) => (error ? failed(error) : done())));
}

const clients = {
  r1: new RudderOne(writeKey, `${url}/v1/batch`, { flushAt: 3, logLevel: "error" }),
  an: new SegmentOld(writeKey, { host: url, flushAt: 3 }),
  sw: new ServiceWorker(writeKey, url, { flushAt: 3, logLevel: "error" }),
};
for (const [name, client] of Object.entries(clients)) tell(client, name);
Promise.all(Object.values(clients).map(flushed)).then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
