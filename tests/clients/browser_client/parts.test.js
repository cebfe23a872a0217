import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient, merge } from "wizard-client";
import { answered, problem } from "./service.js";

const inside = (name) => import(new URL(name, import.meta.resolve("wizard-client")).href);
const { TRANSITIONS, after } = await inside("transports.js");
const { patched } = await inside("json.js");
const { withoutNulls } = await inside("nulls.js");
const { retryAfter } = await inside("problems.js");

test("every state of the poll channel takes every event to a state of the table", () => {
  const states = Object.keys(TRANSITIONS);
  const events = [...new Set(Object.values(TRANSITIONS).flatMap((row) => Object.keys(row)))];
  for (const state of states) for (const event of events) assert.ok(states.includes(after(state, event)), `${state} ${event}`);
  for (const event of events) assert.equal(after("stopped", event), "stopped");
  for (const state of states) if (state !== "stopped") assert.equal(after(state, "stop"), "stopped");
  const reached = new Set(["loading"]);
  for (const state of reached) for (const event of events) reached.add(after(state, event));
  assert.deepEqual([...reached].sort(), states.sort());
});

test("patches apply, share what they leave alone, and fail where they do not fit", () => {
  const document = { settings: { tools: [1, 2] }, progress: { logs: ["a"] }, "a/b": 1 };
  const after = patched(document, [
    { op: "add", path: "/progress/logs/-", value: "b" },
    { op: "remove", path: "/settings/tools/0" },
    { op: "replace", path: "/a~1b", value: 2 },
    { op: "add", path: "/__proto__", value: { polluted: true } },
  ]);
  assert.deepEqual(after.progress.logs, ["a", "b"]);
  assert.deepEqual(after.settings.tools, [2]);
  assert.equal(after["a/b"], 2);
  assert.deepEqual(document.progress.logs, ["a"]);
  assert.equal({}.polluted, undefined);
  for (const path of ["/settings/tools/5", "/settings/tools/x", "/nothing/here"]) {
    assert.throws(() => patched(document, [{ op: "replace", path, value: 1 }]));
  }
  assert.throws(() => patched(document, [{ op: "move", path: "/a" }]));
});

test("a null is an absent member, but not in what is the user's own JSON", () => {
  assert.deepEqual(withoutNulls({ a: null, b: { c: null, d: 1 }, parameters: { x: null }, list: [{ e: null }] }), { b: { d: 1 }, parameters: { x: null }, list: [{}] });
  const same = { a: { b: [1] } };
  assert.equal(withoutNulls(same), same);
});

test("two edits are merged member by member; what both changed is named", () => {
  const base = { name: "a", description: "d", tools: [1] };
  assert.deepEqual(merge(base, { ...base, name: "b" }, { ...base, description: "e" }), { merged: { name: "b", description: "e", tools: [1] }, conflicts: [] });
  assert.deepEqual(merge(base, { ...base, name: "b" }, { ...base, name: "c" }), { merged: { ...base, name: "b" }, conflicts: ["name"] });
  assert.deepEqual(merge(base, { name: "a", tools: [1] }, { ...base, tools: [2] }), { merged: { name: "a", tools: [2] }, conflicts: [] });
});

test("Retry-After is seconds or a date", () => {
  assert.equal(retryAfter("2", 0), 2000);
  assert.equal(retryAfter("Thu, 01 Jan 1970 00:00:05 GMT", 1000), 4000);
  assert.equal(retryAfter("soon", 0), undefined);
  assert.equal(retryAfter(null, 0), undefined);
});

function recording(...answers) {
  const sent = [];
  const fetch = async (url, init) => {
    sent.push({ url, method: init.method, headers: new Headers(init.headers), body: init.body });
    const next = answers.shift() ?? (() => answered(200, {}));
    return next();
  };
  return { sent, fetch };
}

test("every endpoint: path values, then the body, then options in camelCase; every write has a key", async () => {
  const { sent, fetch } = recording();
  const client = createClient({ baseUrl: "http://service/", token: "t", fetch });
  await client.createState({ user_id: "u" }, { mutationId: "k" });
  await client.listStates({ pageSize: 5, status: ["ERROR", "COMPLETED"] });
  await client.updateState("a/b", { status: "CANCELLED" }, { ifMatch: 3 });
  await client.patchState("a", [{ op: "remove", path: "/results" }]);
  await client.patchState("a", { results: null });
  await client.poll("a", { sinceVersion: 4, wait: 30, watch: ["status", "progress"] });
  await client.applyTemplate("t", { name: "n" });
  assert.deepEqual(sent.map(({ method, url }) => `${method} ${url.replace("http://service/api/v1", "")}`), [
    "POST /wizard-state",
    "GET /wizard-state?page_size=5&status=ERROR&status=COMPLETED",
    "PUT /wizard-state/a%2Fb",
    "PATCH /wizard-state/a",
    "PATCH /wizard-state/a",
    "GET /polling/wizard-state/a?since_version=4&wait=30&watch=status%2Cprogress",
    "POST /templates/t/apply",
  ]);
  assert.equal(sent[0].headers.get("Idempotency-Key"), "k");
  assert.equal(sent[0].headers.get("Authorization"), "Bearer t");
  assert.equal(sent[2].headers.get("If-Match"), '"version-3"');
  assert.equal(sent[3].headers.get("Content-Type"), "application/json-patch+json");
  assert.equal(sent[4].headers.get("Content-Type"), "application/merge-patch+json");
  for (const { method, headers } of sent) assert.equal(headers.has("Idempotency-Key"), method !== "GET");
});

test("a refusal resolves with its problem and how long to wait; only an abort rejects", async () => {
  const { fetch } = recording(
    () => answered(429, { code: "too-many-requests", detail: "slow down" }, { "Retry-After": "3" }),
    () => problem(404, "not-found"),
    () => { throw new TypeError("no network"); },
    () => new Response("<html>", { status: 200 }),
    () => answered(304, undefined, { ETag: 'W/"version-7"' }),
  );
  const client = createClient({ fetch });
  const limited = await client.getState("a");
  assert.deepEqual([limited.success, limited.status, limited.retryAfterMs, limited.error, limited.problem.code], [false, 429, 3000, "slow down", "too-many-requests"]);
  const gone = await client.deleteState("a");
  assert.deepEqual([gone.success, gone.status], [false, 404]);
  const lost = await client.getState("a");
  assert.deepEqual([lost.success, lost.status, lost.error], [false, 0, "no network"]);
  assert.equal((await client.getState("a")).success, false);
  const same = await client.getState("a", { ifNoneMatch: 7 });
  assert.deepEqual([same.success, same.status, same.version], [true, 304, 7]);
  const aborting = createClient({ fetch: async (_, { signal }) => signal.throwIfAborted() });
  await assert.rejects(aborting.getState("a", { signal: AbortSignal.abort() }));
});

test("after a 401 the token is asked for anew, once", async () => {
  const asked = [];
  const { sent, fetch } = recording(() => problem(401, "unauthorized"), () => answered(200, { version: 1 }));
  const client = createClient({ fetch, getToken: ({ refresh }) => (asked.push(refresh), refresh ? "new" : "old") });
  assert.equal((await client.getState("a")).success, true);
  assert.deepEqual(asked, [false, true]);
  assert.deepEqual(sent.map(({ headers }) => headers.get("Authorization")), ["Bearer old", "Bearer new"]);
});
