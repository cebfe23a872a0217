import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { createClient, createWizardStore, merge } from "wizard-client";
import { fakeClock, settled } from "./clock.js";
import { createService, memoryStorage, problem, scripted, settingsNamed } from "./service.js";

let clock;
let stores = [];
beforeEach(() => (clock = fakeClock()));
afterEach(() => {
  for (const store of stores.splice(0)) store.destroy();
  clock.restore();
});

async function opened(fetch, options = {}) {
  const client = createClient({ baseUrl: "http://service", fetch });
  const store = createWizardStore({ client, storage: null, channel: null, transport: "poll", ...options });
  stores.push(store);
  const opening = store.getState().openInvestigation("inv-1");
  await clock.advance(1);
  await opening;
  return store;
}

test("an update is seen at once, sent with its precondition and key, and confirmed", async () => {
  const service = createService();
  const store = await opened(service.fetch);
  const sent = store.getState().updateWizardState({ settings: settingsNamed("mine") });
  assert.equal(store.getState().wizardState.settings.name, "mine");
  assert.equal(store.getState().serverState.settings.name, "first");
  assert.equal(store.getState().localChanges.settings.name, "mine");
  await sent;
  const put = service.requests.find(({ method }) => method === "PUT");
  assert.equal(put.headers.get("If-Match"), '"version-1"');
  assert.ok(put.headers.get("Idempotency-Key"));
  assert.equal(store.getState().serverState.version, 2);
  assert.equal(store.getState().localChanges, null);
});

test("a refused transition is sent, undone and said: it is not shown as merged", async () => {
  const service = createService();
  const store = await opened(service.fetch);
  store.getState().navigateToStep("RESULTS");
  assert.equal(store.getState().wizardState.wizard_step, "RESULTS");
  await clock.advance(1);
  assert.equal(service.requests.filter(({ method }) => method === "PUT").length, 1);
  assert.equal(store.getState().wizardState.wizard_step, "SETTINGS");
  assert.match(store.getState().error, /needs status COMPLETED; allowed: SETTINGS/);
  assert.equal(store.getState().conflict, null);
});

test("what the server refuses is undone alone: an edit of other fields beside it stays", async () => {
  const service = createService();
  const store = await opened(service.fetch);
  const edit = store.getState().updateWizardState({ settings: settingsNamed("mine") });
  const refused = store.getState().updateWizardState({ wizard_step: "RESULTS" });
  await Promise.all([edit, refused]);
  assert.equal(store.getState().serverState.settings.name, "mine");
  assert.equal(service.state.settings.name, "mine");
  assert.equal(store.getState().wizardState.wizard_step, "SETTINGS");
});

test("nothing begins with settings that the server refused", async () => {
  const service = createService();
  const store = await opened(scripted(service, ({ init }) => (init?.body?.includes('"bad"') ? problem(422, "validation-failed") : undefined)));
  const edit = store.getState().updateWizardState({ settings: settingsNamed("bad") });
  const launch = store.getState().updateWizardState({ wizard_step: "PROGRESS" });
  await Promise.all([edit, launch]);
  assert.equal(service.state.wizard_step, "SETTINGS");
  assert.equal(store.getState().localChanges, null);
  assert.match(store.getState().error, /validation-failed/);
});

test("an answer from before a mutation that arrives after it undoes nothing on the screen", async () => {
  const service = createService();
  let release;
  let hold = false;
  const store = await opened(scripted(service, async ({ method, path }, ask) => {
    if (!hold || method !== "GET" || path !== "/wizard-state/inv-1") return undefined;
    hold = false;
    const old = await ask();
    await new Promise((resolve) => (release = resolve));
    return old;
  }));
  hold = true;
  const refreshing = store.getState().refreshState();
  await settled();
  await store.getState().updateWizardState({ settings: settingsNamed("mine") });
  const seen = [];
  store.subscribe(({ wizardState }) => seen.push(wizardState.settings.name));
  release();
  await refreshing;
  assert.ok(seen.every((name) => name === "mine"));
  assert.equal(store.getState().serverState.version, 2);
});

test("a conflict of other fields is merged and sent again; the two edits stand", async () => {
  const service = createService("inv-1", { wizard_step: "PROGRESS" });
  const store = await opened(service.fetch);
  store.getState().stopPolling();
  service.commit({ progress: { overall_progress: 10, phases: [], agents: [], logs: [] } });
  await store.getState().updateWizardState({ status: "CANCELLED" });
  assert.equal(service.state.status, "CANCELLED");
  assert.equal(service.state.progress.overall_progress, 10);
  assert.equal(store.getState().conflict, null);
  const keys = service.requests.filter(({ method }) => method === "PUT").map(({ headers }) => headers.get("Idempotency-Key"));
  assert.equal(new Set(keys).size, 2);
});

for (const [choice, name, description] of [["mine", "mine", undefined], ["theirs", "first", "theirs"], ["merged", "mine", "theirs"]]) {
  test(`a conflict of one field waits for somebody who decides: ${choice}`, async () => {
    const service = createService();
    const store = await opened(service.fetch);
    store.getState().stopPolling();
    service.commit({ settings: settingsNamed("first", { description: "theirs" }) });
    await store.getState().updateWizardState({ settings: settingsNamed("mine") });
    const { conflict } = store.getState();
    assert.deepEqual(conflict.fields, ["settings"]);
    assert.equal(conflict.base.settings.description, undefined);
    assert.equal(conflict.theirs.settings.description, "theirs");
    assert.equal(store.getState().isSyncing, false);
    assert.equal(service.state.settings.name, "first");
    const { merged, conflicts } = merge(conflict.base, conflict.mine, conflict.theirs);
    assert.deepEqual(conflicts, []);
    store.getState().resolveConflict(choice === "merged" ? merged : choice);
    await clock.advance(1);
    assert.equal(store.getState().conflict, null);
    assert.equal(service.state.settings.name, name);
    assert.equal(service.state.settings.description, description);
    assert.deepEqual(store.getState().wizardState.settings, service.state.settings);
    assert.equal(store.getState().localChanges, null);
  });
}

test("who goes on typing during a conflict has the newest text in it", async () => {
  const service = createService();
  const store = await opened(service.fetch);
  store.getState().stopPolling();
  service.commit({ settings: settingsNamed("theirs") });
  await store.getState().updateWizardState({ settings: settingsNamed("min") });
  await store.getState().updateWizardState({ settings: settingsNamed("mine") });
  assert.equal(store.getState().conflict.mine.settings.name, "mine");
  store.getState().resolveConflict("mine");
  await clock.advance(1);
  assert.equal(service.state.settings.name, "mine");
});

test("an answer that is lost is asked for again as the same request, and nothing is done twice", async () => {
  const service = createService();
  let lost = false;
  const store = await opened(scripted(service, async ({ method }, ask) => {
    if (method !== "PUT" || lost) return undefined;
    lost = true;
    await ask();
    throw new TypeError("network error");
  }), { transport: "poll" });
  const sent = store.getState().updateWizardState({ settings: settingsNamed("mine") });
  await clock.advance(5000);
  await sent;
  const puts = service.requests.filter(({ method }) => method === "PUT");
  assert.equal(puts.length, 2);
  assert.equal(puts[0].headers.get("Idempotency-Key"), puts[1].headers.get("Idempotency-Key"));
  assert.equal(service.state.version, 2);
  assert.equal(store.getState().conflict, null);
});

test("a page of a hotel's network in the server's place refuses nothing", async () => {
  const service = createService();
  let portal = true;
  const store = await opened(scripted(service, ({ method }) =>
    (method === "PUT" && portal ? new Response("<html>Log in</html>", { status: 200 }) : undefined)));
  const sent = store.getState().updateWizardState({ settings: settingsNamed("mine") });
  await clock.advance(1);
  assert.equal(store.getState().wizardState.settings.name, "mine");
  portal = false;
  await clock.advance(10_000);
  await sent;
  assert.equal(service.state.settings.name, "mine");
});

test("isSyncing ends when what was under way is given up", async () => {
  const service = createService();
  const store = await opened(scripted(service, ({ method, init }) => (method === "PUT"
    ? new Promise((_, reject) => init.signal.addEventListener("abort", () => reject(init.signal.reason)))
    : undefined)));
  const sent = store.getState().updateWizardState({ settings: settingsNamed("mine") });
  await settled();
  assert.equal(store.getState().isSyncing, true);
  store.getState().rollbackChanges();
  await sent;
  await clock.advance(1);
  assert.equal(store.getState().isSyncing, false);
  assert.equal(store.getState().localChanges, null);
  assert.equal(store.getState().wizardState.settings.name, "first");
  const again = store.getState().updateWizardState({ settings: settingsNamed("mine") });
  await settled();
  store.getState().resetWizard();
  await again;
  assert.equal(store.getState().isSyncing, false);
  assert.equal(store.getState().wizardState, null);
});

test("unsent settings survive a reload, and are sent with the key that they had", async () => {
  const service = createService();
  const storage = memoryStorage({ token: "t", "other-app": "x" });
  let offline = true;
  const fetch = scripted(service, ({ method }) => {
    if (method === "PUT" && offline) throw new TypeError("offline");
  });
  const before = await opened(fetch, { storage });
  void before.getState().updateWizardState({ settings: settingsNamed("draft") });
  await clock.advance(1);
  before.destroy();
  offline = false;
  const after = await opened(fetch, { storage });
  await clock.advance(1);
  assert.equal(after.getState().wizardState.settings.name, "draft");
  assert.equal(service.state.settings.name, "draft");
  assert.deepEqual([...storage.items], [["token", "t"], ["other-app", "x"]]);
});

test("a draft older than 7 days is dropped", async () => {
  const service = createService();
  const storage = memoryStorage();
  const fetch = scripted(service, ({ method }) => {
    if (method === "PUT") throw new TypeError("offline");
  });
  const before = await opened(fetch, { storage });
  void before.getState().updateWizardState({ settings: settingsNamed("draft") });
  await clock.advance(1);
  before.destroy();
  clock.jump(7 * 86_400_000 + 1);
  const after = await opened(fetch, { storage });
  assert.equal(after.getState().wizardState.settings.name, "first");
});

test("another tab with nothing to send leaves my draft where it is", async () => {
  const service = createService();
  const storage = memoryStorage();
  const other = await opened(service.fetch, { storage });
  const mine = await opened(scripted(service, ({ method }) => {
    if (method === "PUT") throw new TypeError("offline");
  }), { storage });
  void mine.getState().updateWizardState({ settings: settingsNamed("draft") });
  await clock.advance(1);
  service.commit({ status: "IN_PROGRESS", progress: { overall_progress: 1 } });
  await clock.advance(10);
  await other.getState().refreshState();
  assert.equal(storage.items.size, 1);
});

test("launching wipes neither the token nor templates, and resetting keeps the templates", async () => {
  const service = createService();
  const storage = memoryStorage({ token: "secret", templates: "[]" });
  const store = await opened(service.fetch, { storage });
  store.setState({ templates: [{ template_id: "t" }] });
  store.getState().navigateToStep("PROGRESS");
  await clock.advance(1);
  assert.equal(service.state.wizard_step, "PROGRESS");
  store.getState().resetWizard();
  assert.deepEqual([...storage.items], [["token", "secret"], ["templates", "[]"]]);
  assert.deepEqual(store.getState().templates, [{ template_id: "t" }]);
});

test("setCurrentStep moves the view and sends nothing; a new step of the server moves it back", async () => {
  const service = createService();
  const store = await opened(service.fetch);
  store.getState().setCurrentStep("RESULTS");
  assert.equal(store.getState().wizardState.wizard_step, "RESULTS");
  assert.equal(store.getState().localChanges, null);
  assert.equal(service.requests.some(({ method }) => method !== "GET"), false);
  service.commit({ wizard_step: "PROGRESS" });
  await clock.advance(1);
  assert.equal(store.getState().wizardState.wizard_step, "PROGRESS");
});

test("a template that is gone was not deleted by us: 404 is no success", async () => {
  const service = createService();
  const store = await opened(scripted(service, ({ method }) => (method === "DELETE" ? problem(404, "not-found") : undefined)));
  store.setState({ templates: [{ template_id: "t" }] });
  await store.getState().deleteTemplate("t");
  assert.equal(store.getState().templates.length, 1);
  assert.match(store.getState().error, /not-found/);
});

test("a state that somebody sets is shown, opens its investigation, and never replaces a newer one", async () => {
  const service = createService();
  const client = createClient({ baseUrl: "http://service", fetch: service.fetch });
  const store = createWizardStore({ client, storage: null, channel: null, transport: "poll" });
  stores.push(store);
  service.commit({ settings: settingsNamed("second") });
  store.getState().setWizardState(service.state);
  assert.equal(store.getState().wizardState.settings.name, "second");
  store.getState().setWizardState({ ...service.state, version: 1, settings: settingsNamed("old") });
  assert.equal(store.getState().wizardState.settings.name, "second");
  await store.getState().updateWizardState({ settings: settingsNamed("third") });
  assert.equal(service.state.settings.name, "third");
  assert.equal(store.getState().polling.isPolling, false);
});

test("a listener that throws stops neither the others nor the update", async () => {
  const service = createService();
  const store = await opened(service.fetch);
  const thrown = [];
  const own = globalThis.queueMicrotask;
  globalThis.queueMicrotask = (rethrow) => {
    globalThis.queueMicrotask = own;
    assert.throws(rethrow, (error) => thrown.push(error.message) > 0);
  };
  const unsubscribe = store.subscribe(() => {
    unsubscribe();
    throw new Error("of the page");
  });
  await store.getState().updateWizardState({ settings: settingsNamed("mine") });
  assert.equal(service.state.settings.name, "mine");
  assert.deepEqual(thrown, ["of the page"]);
});

test("tabs tell one another each version once: there is no echo", async () => {
  const service = createService();
  const ends = [];
  let messages = 0;
  const channel = () => {
    const end = {
      onmessage: null,
      postMessage(data) {
        messages += 1;
        for (const other of ends) if (other !== end) queueMicrotask(() => other.onmessage?.({ data: structuredClone(data) }));
      },
      close: () => void ends.splice(ends.indexOf(end), 1),
    };
    ends.push(end);
    return end;
  };
  const one = await opened(service.fetch, { channel });
  const two = await opened(service.fetch, { channel });
  assert.equal(two.getState().connection, "live");
  messages = 0;
  await one.getState().updateWizardState({ settings: settingsNamed("told") });
  await clock.advance(100);
  assert.equal(two.getState().wizardState.settings.name, "told");
  assert.ok(messages <= 8, `${messages} messages`);
});

test("a restored backup is taken though its version is lower", async () => {
  const service = createService();
  const store = await opened(service.fetch);
  await store.getState().updateWizardState({ settings: settingsNamed("second") });
  await store.getState().updateWizardState({ settings: settingsNamed("third") });
  service.restore(1, { settings: settingsNamed("restored") });
  await clock.advance(10);
  assert.equal(store.getState().serverState.version, 1);
  assert.equal(store.getState().wizardState.settings.name, "restored");
});

test("opening twice, as StrictMode does, asks once", async () => {
  const service = createService();
  const store = await opened(service.fetch);
  await store.getState().openInvestigation("inv-1");
  store.getState().startPolling();
  store.getState().startPolling();
  await clock.advance(10_000);
  assert.equal(service.parked.size, 1);
  assert.ok(service.requests.length <= 3, `${service.requests.length} requests`);
});
