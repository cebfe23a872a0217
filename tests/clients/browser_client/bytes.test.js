// What a thousand updates of a state that grows to 100 KB cost who follows, against whole polls.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient, follow } from "wizard-client";
import { settingsNamed } from "./service.js";

const UPDATES = 1000, LARGEST = 0.03;
const id = "bytes-1";
let bytes = 0;
const counting = async (url, init) => {
  const answer = await fetch(url, init);
  bytes += (await answer.clone().arrayBuffer()).byteLength;
  return answer;
};

test("a thousand updates", async (run) => {
  const baseUrl = process.env.WIZARD_URL;
  const agent = createClient({ baseUrl });
  await agent.createState({ investigation_id: id, settings: settingsNamed("grows") });
  await agent.updateState(id, { wizard_step: "PROGRESS" });
  let seen = 0, size = 0, whole = 0;
  let arrived = () => {};
  const followed = follow(createClient({ baseUrl, fetch: counting }), id, {
    transport: "poll",
    onState(state) {
      seen = state.version;
      size = JSON.stringify(state).length;
      arrived();
    },
  });
  for (let n = 1; n <= UPDATES; n += 1) {
    const line = `${n}: 23 accounts within two hops of d-7f3a91c2, 19 of them never used another device, 4 did twice`;
    const { version } = await agent.reportProgress(id, { overall_progress: n / 10, logs: [line] });
    while (seen < version) await new Promise((resolve) => (arrived = resolve));
    whole += size;
  }
  followed.stop();
  run.diagnostic(`measured: ${UPDATES} updates to ${size} bytes: ${bytes} bytes in all, ${whole} in whole polls, ${((100 * bytes) / whole).toFixed(2)} %`);
  assert.ok(size > 100_000, `${size}`);
  assert.ok(bytes < LARGEST * whole, `${bytes} of ${whole}`);
});
