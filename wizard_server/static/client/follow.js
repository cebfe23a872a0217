import { createBackoff, DEFAULTS } from "./backoff.js";
import { createPoller } from "./long_poll.js";
import { withoutNulls } from "./nulls.js";
import { openEvents, openSocket } from "./push.js";
import { ASKING, after } from "./transports.js";
import { createKnown } from "./versions.js";
import { watchPage } from "./page.js";

/**
 * @typedef {import("./client.types.js").Follow} Follow
 * @typedef {import("./transports.js").State} State
 * @typedef {import("./transports.js").Event} Event
 */

/** After so many answers in a row that came at once and brought nothing, something answers in the server's place. */
const IDLE_ANSWERS = 3;

/** @type {Follow} */
export function follow(client, id, options = {}) {
  const config = { ...DEFAULTS, ...options.config };
  const transport = options.transport ?? "auto";
  const known = createKnown();
  const poller = createPoller(client, id);
  const backoff = createBackoff(config);
  const polls = transport === "auto" || transport === "poll";
  /** @type {State} */
  let state = "loading";
  let pause = 0;
  let idle = 0;
  let pushing = false;
  let asking = new AbortController();
  let wake = () => {};
  /** @type {import("./client.types.js").FollowStatus} */
  let status = { connection: "polling", isPolling: polls, isConnected: false, lastUpdate: null, error: null, retryCount: 0,
    currentInterval: config.baseInterval, fallbacks: 0 };

  if (options.state) known.take(options.state);
  else if (options.sinceVersion) known.forget(options.sinceVersion);

  /** @param {Partial<typeof status>} [changes] */
  function tell(changes = {}) {
    const now = { ...status, ...changes };
    const connection = pushing || (now.isConnected && state === "parked") ? "live"
      : state === "draining" || now.error === "draining" ? "draining"
      : state === "offline" || now.retryCount || !polls ? "offline" : "polling";
    const next = { ...now, connection, fallbacks: known.failures };
    const same = Object.entries(next).every(([name, value]) => value === /** @type {any} */ (status)[name]);
    status = /** @type {typeof status} */ (next);
    if (!same) options.onStatus?.(status);
  }

  /** @param {Event} event */
  function go(event) {
    const next = after(state, event);
    if (next === state && event !== "lost") return;
    state = next;
    if (event !== "answered" && event !== "cut") asking.abort(new Error(event));
    wake();
  }

  /** @param {any} whole @param {boolean} [reset] */
  function takeState(whole, reset) {
    const clean = withoutNulls(whole);
    if (known.take(clean, reset) === "taken") options.onState?.(clean, { reset: Boolean(reset) });
    tell({ lastUpdate: new Date().toISOString() });
  }

  /** @param {any} change @param {number} [from] */
  function takeChange(change, from) {
    const verdict = known.apply(change, from);
    if (verdict === "taken") {
      options.onChange?.(change);
      options.onState?.(/** @type {any} */ (known.state), { reset: false, mutationId: change.mutation_id });
      tell({ lastUpdate: new Date().toISOString() });
    }
    return verdict;
  }

  /** Take a whole answer of the poll; says whether it brought anything. @param {any} data */
  function takeWhole(data) {
    if (!data?.state) return false;
    const before = known.version;
    takeState(data.state, data.reset);
    if (before && known.version > before && !data.reset) void tellChanges(before, known.version);
    return known.version !== before || Boolean(data.reset);
  }

  /** Tell `onChange` what a whole state jumped over. @param {number} since @param {number} until */
  async function tellChanges(since, until) {
    while (options.onChange && since < until && state !== "stopped") {
      const { data } = await client.changes(id, { sinceVersion: since });
      if (!data?.changes.length) return;
      for (const change of data.changes) if (change.version <= until) options.onChange(change);
      since = data.to_version;
    }
  }

  /** Take what `/changes` answered; says whether it brought anything. @param {any} data */
  function takeChanges(data) {
    let from = data?.from_version;
    for (const change of data?.changes ?? []) {
      if (takeChange(change, from) === "gap") return lose(), true;
      from = change.version;
    }
    return Boolean(data?.changes?.length);
  }

  async function ask() {
    asking = new AbortController();
    const whole = known.state === null;
    const polled = await poller.ask({ version: whole ? 0 : known.version, whole, park: state === "parked" && !whole, signal: asking.signal });
    const { answer, kind, waited } = polled;
    if (!answer.success) return refused(polled);
    const news = kind === "whole" ? takeWhole(answer.data) : takeChanges(answer.data);
    if (asking.signal.aborted) return;
    backoff.reset();
    idle = news || waited || state !== "parked" ? 0 : idle + 1;
    pause = answer.data?.next_poll_interval ?? status.currentInterval;
    go("answered");
    if (state === "parked" && (idle >= IDLE_ANSWERS || !poller.wait)) go("cut");
    if (answer.retryAfterMs !== undefined) pauseFor("drained", answer.retryAfterMs);
    tell({ isConnected: true, error: null, retryCount: 0, currentInterval: pause });
  }

  /** @param {import("./long_poll.js").Polled} polled */
  function refused({ answer, kind }) {
    const code = answer.problem?.code;
    if (code === "feature-disabled" && kind === "changes") return;
    if (code === "history-gone") return lose();
    if (!answer.problem && state === "parked" && poller.wasCut()) return poller.wait ? undefined : go("cut");
    const event = answer.status === 503 && answer.retryAfterMs !== undefined && code === "draining" ? "drained" : "failed";
    pauseFor(event, backoff.next(answer.retryAfterMs));
    tell({ error: answer.error ?? null, retryCount: backoff.count, isConnected: false, currentInterval: pause, problem: answer.problem ?? null });
  }

  /** @param {Event} event @param {number} milliseconds */
  function pauseFor(event, milliseconds) {
    pause = milliseconds;
    go(event);
  }

  /** Have the next answer be a whole state. */
  function lose() {
    known.forget();
    go("lost");
  }

  /** @param {number} milliseconds */
  const rest = (milliseconds) => new Promise((resolve) => {
    const timer = milliseconds === Infinity ? undefined : setTimeout(() => (go("due"), resolve(undefined)), milliseconds);
    wake = () => (clearTimeout(timer), resolve(undefined));
  });

  async function run() {
    while (state !== "stopped") {
      if (ASKING.has(state)) await ask().catch(() => {});
      else await rest(state === "offline" || state === "asleep" ? Infinity : pause);
    }
  }

  const receiver = {
    since: () => (known.state ? known.version : options.sinceVersion && !polls ? options.sinceVersion : 0),
    onState: (/** @type {any} */ whole) => takeState(whole),
    onChange: (/** @type {any} */ change) => {
      if (takeChange(change) === "gap") void refresh();
    },
    onOpen: (/** @type {boolean} */ open, /** @type {string | undefined} */ reason) => {
      pushing = open;
      if (open) tell({ isConnected: true, error: null, retryCount: 0 });
      else tell(polls ? {} : { isConnected: false, error: reason ?? "closed" });
    },
  };
  // A browser's WebSocket sends no header, so without a token it cannot say who is asking.
  const canPush = Boolean(client.WebSocket ?? globalThis.WebSocket) && !(client.userId && !client.token && !client.getToken);
  const push = transport === "sse" ? openEvents(client, id, config, receiver)
    : transport === "websocket" || (transport === "auto" && canPush) ? openSocket(client, id, config, receiver) : null;

  async function refresh() {
    const answer = await client.poll(id, {});
    if (answer.success) takeWhole(answer.data);
    else tell({ error: answer.error ?? null });
  }

  const unwatch = watchPage((event) => {
    if (event === "woke") {
      asking.abort(new Error("woke"));
      return push?.retry();
    }
    const wasParked = state === "parked";
    go(event);
    if (event === "online") push?.retry();
    if (event === "shown" && wasParked) void refresh();
    tell();
  });
  if (polls) void run();

  return {
    stop() {
      go("stop");
      unwatch();
      push?.stop();
      tell({ isPolling: false });
    },
    refresh,
    get polling() {
      return status;
    },
  };
}
