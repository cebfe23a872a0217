// Random edits of two writers, refusals, conflicts, answers that are lost, late, or given twice: at rest the store
// equals the server, no acknowledged edit is lost, no refused one stays, and versions never go back.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createClient, createWizardStore } from "wizard-client";
import { fakeClock } from "./clock.js";
import { createService, settingsNamed } from "./service.js";

const RUNS = Number(process.env.RUNS ?? 150);
const network = fc.array(fc.constantFrom("good", "good", "lost", "unsent", "late", "twice", "busy"), { maxLength: 40 });
const step = fc.oneof(
  fc.record({ kind: fc.constant("mine"), name: fc.integer({ min: 0, max: 5 }) }),
  fc.record({ kind: fc.constant("theirs"), name: fc.integer({ min: 0, max: 5 }) }),
  fc.constant({ kind: "refused" }),
  fc.record({ kind: fc.constant("step"), to: fc.constantFrom("PROGRESS", "SETTINGS") }),
  fc.constant({ kind: "report" }),
  fc.record({ kind: fc.constant("wait"), ms: fc.integer({ min: 0, max: 3000 }) }),
  fc.record({ kind: fc.constant("decide"), choice: fc.constantFrom("mine", "theirs") }),
  fc.constant({ kind: "sync" }),
);

async function run(steps, weather) {
  const clock = fakeClock();
  const service = createService();
  const queue = [...weather];
  const acknowledged = [];
  const fetch = async (url, init) => {
    const how = queue.shift() ?? "good";
    if (how === "unsent") throw new TypeError("unsent");
    if (how === "busy") return new Response(null, { status: 503, headers: { "Retry-After": "1" } });
    if (how === "twice") await service.fetch(url, { ...init, signal: undefined }).catch(() => {});
    const answer = await service.fetch(url, init);
    if (how === "late") await new Promise((resolve) => setTimeout(resolve, 1500));
    if (how === "lost") throw new TypeError("lost");
    if (init.method === "PUT" && answer.status === 200) acknowledged.push({ ...JSON.parse(init.body), version: (await answer.clone().json()).version });
    return answer;
  };
  const client = createClient({ baseUrl: "http://service", fetch });
  const store = createWizardStore({ client, storage: null, channel: null, transport: "poll" });
  try {
    let version = 0;
    store.subscribe(({ serverState }) => {
      if (!serverState) return;
      assert.ok(serverState.version >= version, `from ${version} to ${serverState.version}`);
      ({ version } = serverState);
    });
    void store.getState().openInvestigation("inv-1");
    for (let tries = 0; !store.getState().serverState && tries < 40; tries += 1) await clock.advance(5000);
    const act = {
      mine: ({ name }) => void store.getState().updateWizardState({ settings: settingsNamed(`mine-${name}`) }),
      theirs: ({ name }) => service.commit({ settings: settingsNamed(`theirs-${name}`) }),
      refused: () => void store.getState().updateWizardState({ results: { never: true } }),
      step: ({ to }) => store.getState().navigateToStep(to),
      report: () => service.commit({ progress: { overall_progress: service.state.version, phases: [], agents: [], logs: [] } }),
      wait: ({ ms }) => clock.advance(ms),
      decide: ({ choice }) => store.getState().resolveConflict(choice),
      sync: () => void store.getState().syncWithServer(),
    };
    for (const each of steps) await act[each.kind](each);
    for (let n = 0; n < 30; n += 1) {
      await clock.advance(20_000);
      store.getState().resolveConflict("theirs");
    }
    const { serverState, wizardState, localChanges, conflict, isSyncing } = store.getState();
    assert.deepEqual({ localChanges, conflict, isSyncing }, { localChanges: null, conflict: null, isSyncing: false });
    const known = JSON.parse(JSON.stringify(service.state, (_, value) => value ?? undefined));
    assert.deepEqual(serverState, known);
    assert.deepEqual(wizardState, known);
    assert.equal(known.results, undefined, "what was refused stays nowhere");
    const history = await (await service.fetch("/api/v1/polling/wizard-state/inv-1/changes?since_version=1")).text();
    for (const { version: made, settings } of acknowledged) {
      if (settings && made > 1) assert.ok(history.includes(settings.name), `${settings.name} of version ${made} is lost`);
    }
  } finally {
    store.destroy();
    clock.restore();
  }
}

test("at rest the store is what the server has, whatever happened on the way", async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 14 }), network, run), { numRuns: RUNS, endOnFailure: false });
});
