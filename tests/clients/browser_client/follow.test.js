import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { createClient, follow } from "wizard-client";
import { fakeClock, settled } from "./clock.js";
import { answered, createService, problem, scripted, settingsNamed } from "./service.js";

let clock;
let followed = [];
const HOUR = 3_600_000;
beforeEach(() => (clock = fakeClock()));
afterEach(() => {
  for (const each of followed.splice(0)) each.stop();
  delete globalThis.document;
  clock.restore();
});

function following(fetch, options = {}) {
  const seen = { states: [], changes: [], statuses: [] };
  const client = createClient({ baseUrl: "http://service", fetch });
  const each = follow(client, "inv-1", {
    transport: "poll",
    onState: (state, how) => seen.states.push([state.version, how.reset]),
    onChange: (change) => seen.changes.push(change.version),
    onStatus: (status) => seen.statuses.push(status),
    ...options,
  });
  followed.push(each);
  return { ...seen, each };
}

const named = (name) => ({ settings: settingsNamed(name) });

test("each version is told once, in order, as deltas, and one poll is parked meanwhile", async () => {
  const service = createService();
  const { states, changes, each } = following(service.fetch);
  await clock.advance(1);
  for (const name of ["a", "b", "c"]) {
    service.commit(named(name));
    await clock.advance(1);
  }
  assert.deepEqual(states.map(([version]) => version), [1, 2, 3, 4]);
  assert.deepEqual(changes, [2, 3, 4]);
  assert.equal(service.parked.size, 1);
  assert.equal(each.polling.connection, "live");
});

test("from a version on: what came since is told, and nothing twice", async () => {
  const service = createService();
  service.commit(named("a"));
  service.commit(named("b"));
  const { states, changes } = following(service.fetch, { sinceVersion: 2 });
  await clock.advance(1);
  service.commit(named("c"));
  await clock.advance(1);
  assert.deepEqual(states.map(([version]) => version), [3, 4]);
  assert.deepEqual(changes, [3, 4]);
});

test("an idle hour costs 66 requests", async (run) => {
  const service = createService();
  following(service.fetch);
  await clock.advance(HOUR);
  run.diagnostic(`measured: an idle open tab asks ${service.requests.length} times an hour`);
  assert.ok(service.requests.length <= 68, `${service.requests.length}`);
});

test("a 304 resets the backoff", async () => {
  let failing = 0;
  const asked = [];
  const service = createService();
  const { each } = following(scripted(service, ({ path }) => {
    asked.push(performance.now());
    if (!path.endsWith("/changes")) return undefined;
    if (failing > 0) {
      failing -= 1;
      return problem(500, "internal");
    }
    return undefined;
  }));
  await clock.advance(1);
  failing = 3;
  service.commit(named("a"));
  await clock.advance(120_000);
  assert.equal(failing, 0);
  assert.equal(each.polling.retryCount, 0);
  const before = asked.length;
  failing = 1;
  service.commit(named("b"));
  await clock.advance(1);
  const failed = asked.length;
  await clock.advance(2001);
  assert.ok(asked.length > failed, "after one failure the pause is the first again");
  assert.ok(failed > before);
});

test("failures back off up to the longest pause, with jitter", async () => {
  const service = createService();
  let asked = 0;
  const { each } = following(scripted(service, () => {
    asked += 1;
    throw new TypeError("refused");
  }));
  await clock.advance(HOUR);
  assert.ok(asked >= 120 && asked <= 250, `${asked}`);
  assert.equal(each.polling.connection, "offline");
  assert.ok(each.polling.currentInterval <= 30_000);
});

test("Retry-After comes first", async () => {
  const service = createService();
  const asked = [];
  following(scripted(service, () => {
    asked.push(performance.now());
    return asked.length === 1 ? answered(429, { code: "too-many-requests" }, { "Retry-After": "60" }) : undefined;
  }));
  await clock.advance(59_000);
  assert.equal(asked.length, 1);
  await clock.advance(8_000);
  assert.ok(asked.length > 1);
});

for (const [what, answer] of [
  ["503 with Retry-After: 0", () => answered(503, { code: "unavailable" }, { "Retry-After": "0" })],
  ["the same change", () => answered(200, { investigation_id: "inv-1", from_version: 1, to_version: 1, changes: [{ version: 1, patch: [] }], has_more: false, next_poll_interval: 0 })],
  ["unchanged at once", () => answered(304, undefined)],
  ["history-gone", () => problem(410, "history-gone")],
  ["a page of somebody else", () => new Response("<html>", { status: 200 })],
]) {
  test(`the same answer again and again backs off: ${what}`, async () => {
    const service = createService();
    let asked = 0;
    following(scripted(service, ({ path }) => {
      asked += 1;
      return path.endsWith("/changes") ? answer() : undefined;
    }));
    await clock.advance(60_000);
    assert.ok(asked <= 130, `${asked} requests in a minute`);
  });
}

test("a proxy that cuts waits short is learnt from its second cut: waits become shorter, long ones are tried again later", async () => {
  const service = createService();
  const waits = [];
  const fetch = (url, init) => {
    const wait = Number(new URL(url).searchParams.get("wait") ?? 0);
    if (wait) waits.push(wait);
    if (wait <= 3) return service.fetch(url, init);
    return new Promise((_, reject) => setTimeout(() => reject(new TypeError("cut")), 3000));
  };
  const { each, states } = following(fetch);
  await clock.advance(60_000);
  assert.deepEqual(waits.slice(0, 4), [55, 55, 2, 2]);
  assert.equal(each.polling.retryCount, 0);
  service.commit(named("a"));
  await clock.advance(2001);
  assert.equal(states.at(-1)[0], 2);
});

test("where every wait is cut at once, it polls at intervals, and tries long waits again", async () => {
  const service = createService();
  let cuts = true;
  const { states } = following((url, init) => {
    if (cuts && url.includes("wait=")) return new Promise((_, reject) => setTimeout(() => reject(new TypeError("cut")), 1000));
    return service.fetch(url, init);
  });
  await clock.advance(60_000);
  service.commit(named("a"));
  await clock.advance(2001);
  assert.equal(states.at(-1)[0], 2);
  assert.equal(service.parked.size, 0);
  cuts = false;
  await clock.advance(310_000);
  assert.equal(service.parked.size, 1);
});

test("a patch that does not apply is counted and costs a whole state, and nothing is missed", async () => {
  const service = createService();
  let spoilt = true;
  const { states, changes, each } = following(scripted(service, async ({ path }, ask) => {
    if (!path.endsWith("/changes") || !spoilt) return undefined;
    const answer = await ask();
    if (answer.status !== 200) return answer;
    spoilt = false;
    const body = await answer.json();
    body.changes[0].patch = [{ op: "replace", path: "/progress/agents/7", value: 1 }];
    return answered(200, body);
  }));
  await clock.advance(1);
  service.commit(named("a"));
  await clock.advance(1);
  assert.equal(each.polling.fallbacks, 1);
  assert.deepEqual(states.map(([version]) => version), [1, 2]);
  assert.deepEqual(changes, [2]);
});

test("a restored backup is told with reset, and versions go on from there", async () => {
  const service = createService();
  const { states } = following(service.fetch);
  await clock.advance(1);
  service.commit(named("a"));
  await clock.advance(1);
  service.restore(1, named("restored"));
  await clock.advance(10);
  service.commit(named("b"));
  await clock.advance(10);
  assert.deepEqual(states, [[1, false], [2, false], [1, true], [2, false]]);
});

test("a drained server is left alone for as long as it says", async () => {
  const service = createService();
  let drains = true;
  const asked = [];
  const { each } = following(scripted(service, async ({ path }) => {
    asked.push(performance.now());
    if (path.endsWith("/changes") && drains) {
      drains = false;
      return answered(304, undefined, { "Retry-After": "5" });
    }
    return undefined;
  }));
  await clock.advance(1);
  assert.equal(each.polling.connection, "draining");
  await clock.advance(4000);
  assert.equal(asked.length, 2);
  await clock.advance(2000);
  assert.equal(each.polling.connection, "live");
});

test("an hour of sleep costs one request on waking, and so does a clock that jumps", async () => {
  const service = createService();
  const { states } = following(service.fetch);
  await clock.advance(1000);
  let before = service.requests.length;
  await clock.sleep(HOUR);
  await clock.advance(6000);
  assert.ok(service.requests.length - before <= 2, `${service.requests.length - before}`);
  for (const jump of [HOUR, -HOUR, 86_400_000]) {
    before = service.requests.length;
    clock.jump(jump);
    await clock.advance(6000);
    assert.ok(service.requests.length - before <= 2);
    assert.equal(service.parked.size, 1);
  }
  service.commit(named("a"));
  await clock.advance(1);
  assert.equal(states.at(-1)[0], 2);
});

test("a hidden tab polls at no interval, and wakes with one answer", async () => {
  const page = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const show = (visibilityState) => {
    page.visibilityState = visibilityState;
    page.dispatchEvent(new Event("visibilitychange"));
  };
  globalThis.document = page;
  globalThis.addEventListener ??= () => {};
  const service = createService();
  const intervals = following((url, init) => service.fetch(url.replace(/wait=\d+/, "wait=0"), init));
  await clock.advance(30_000);
  show("hidden");
  const hidden = service.requests.length;
  for (let n = 0; n < 10; n += 1) {
    service.commit(named(`${n}`));
    await clock.advance(60_000);
  }
  assert.equal(service.requests.length - hidden, 0);
  const told = intervals.states.length;
  show("shown");
  await clock.advance(10);
  assert.equal(intervals.states.length - told, 1);
  assert.equal(intervals.states.at(-1)[0], service.state.version);
});

test("offline it asks nothing, and back online at once", async () => {
  const page = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const window = new EventTarget();
  globalThis.document = page;
  const own = globalThis.addEventListener;
  globalThis.addEventListener = window.addEventListener.bind(window);
  try {
    const service = createService();
    const { states, each } = following(service.fetch);
    await clock.advance(1);
    window.dispatchEvent(new Event("offline"));
    assert.equal(each.polling.connection, "offline");
    const before = service.requests.length;
    service.commit(named("a"));
    await clock.advance(600_000);
    assert.equal(service.requests.length, before);
    window.dispatchEvent(new Event("online"));
    await clock.advance(1);
    assert.equal(states.at(-1)[0], 2);
  } finally {
    globalThis.addEventListener = own;
  }
});

test("WebSocket beside polling: each version is told once, whichever comes first, and a gap is filled", async () => {
  const service = createService();
  const sockets = [];
  class FakeSocket {
    constructor(url) {
      this.url = url;
      sockets.push(this);
    }
    close() {}
    say(message) {
      this.onmessage({ data: JSON.stringify(message) });
    }
  }
  const client = createClient({ baseUrl: "http://service", fetch: service.fetch, WebSocket: FakeSocket });
  const versions = [];
  const each = follow(client, "inv-1", { onState: ({ version }) => versions.push(version) });
  followed.push(each);
  await clock.advance(1);
  sockets[0].say({ type: "connection_established", version: 1, state: service.state });
  assert.equal(each.polling.connection, "live");
  const change = (version, name) => ({ type: "state_updated", version, patch: [{ op: "replace", path: "/settings/name", value: name }, { op: "replace", path: "/version", value: version }] });
  sockets[0].say(change(2, "a"));
  service.commit(named("a"));
  await clock.advance(1);
  sockets[0].say(change(2, "a"));
  service.commit(named("b"));
  sockets[0].say(change(4, "c"));
  service.commit(named("c"));
  await clock.advance(1);
  assert.deepEqual(versions, [1, 2, ...versions.slice(2)]);
  assert.deepEqual(versions, [...new Set(versions)].sort((one, other) => one - other));
  assert.equal(versions.at(-1), 4);
});

test("who follows over a WebSocket alone gets what it missed, though the first question for it fails", async () => {
  const service = createService();
  const sockets = [];
  class FakeSocket {
    constructor(url) {
      this.url = url;
      sockets.push(this);
    }
    close() {}
  }
  const client = createClient({ baseUrl: "http://service", fetch: async () => problem(500, "internal"), WebSocket: FakeSocket });
  const versions = [];
  followed.push(follow(client, "inv-1", { transport: "websocket", onState: ({ version }) => versions.push(version) }));
  await settled();
  sockets[0].onmessage({ data: JSON.stringify({ type: "connection_established", version: 1, state: service.state }) });
  sockets[0].onmessage({ data: JSON.stringify({ type: "state_updated", version: 3, patch: [] }) });
  await clock.advance(5000);
  assert.equal(sockets.length, 2);
  assert.match(sockets[1].url, /since_version=1$/);
});

test("stopping leaves no timer and no request", async () => {
  const service = createService();
  const { each } = following(service.fetch);
  await clock.advance(1);
  each.stop();
  await settled();
  assert.equal(service.parked.size, 0);
  assert.equal(clock.timers, 0);
  assert.equal(each.polling.isPolling, false);
});
