// Sends through an official client for Node, as its documentation shows: node send.mjs CLIENT HOST WRITE_KEY COUNT
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const [client, host, writeKey, count] = process.argv.slice(2);
const who = `${client}-user`;

async function segment() {
  const { Analytics } = require("@segment/analytics-node");
  const analytics = new Analytics({ writeKey, host, path: "/v1/batch" });
  const failures = [];
  analytics.on("error", (error) => failures.push(error));
  send((kind, message) => analytics[kind](message));
  await analytics.closeAndFlush({ timeout: 120000 });
  if (failures.length) throw new Error(JSON.stringify(failures));
}

async function rudder() {
  const module = require("@rudderstack/rudder-sdk-node");
  const RudderAnalytics = module.default ?? module;
  const analytics = new RudderAnalytics(writeKey, { dataPlaneUrl: host, flushInterval: 200, retryCount: 10 });
  const answers = [];
  const sent = (kind, message) =>
    new Promise((resolve, reject) => analytics[kind](message, (error) => (error ? reject(error) : resolve())));
  send((kind, message) => answers.push(sent(kind, message)));
  await Promise.all(answers);
}

function send(call) {
  for (let n = 0; n < Number(count); n++) {
    call("track", { userId: who, event: `${client} event`, properties: { n }, timestamp: new Date(Date.UTC(2026, 0, 1)) });
  }
  call("identify", { userId: who, anonymousId: `${client}-anonymous`, traits: { name: "Añorve" } });
  call("page", { userId: who, name: `${client} page`, properties: { path: "/" } });
  call("screen", { userId: who, name: `${client} screen` });
  call("group", { userId: who, groupId: `${client}-group`, traits: { plan: "gold" } });
  call("alias", { userId: who, previousId: `${client}-anonymous` });
}

await { segment, rudder }[client]();
process.exit(0);
