import { createBackoff, DEFAULTS } from "./backoff.js";
import { call } from "./container.js";
import { createPoller } from "./long_poll.js";
import { withoutNulls } from "./nulls.js";
import { watchPage } from "./page.js";
import { openEvents, openSocket } from "./push.js";
import { ASKING, after } from "./transports.js";
import { createKnown } from "./versions.js";

/** @import { Change, Follow, FollowStatus } from "./client.types.js" */
/** @import { Answer, PollEvent, Polled, PollState, State } from "./parts.types.js" */

/** After so many answers in a row that came at once and brought nothing, something answers in the server's place. */
const IDLE_ANSWERS = 3;

/** @type {Follow} */
export function follow(client, id, options = {}) {
  const config = { ...DEFAULTS, ...options.config };
  const transport = options.transport ?? "auto";
  const polls = transport === "auto" || transport === "poll";
  const since = options.sinceVersion ?? 0;
  const known = createKnown(since);
  const poller = createPoller(client, id);
  const backoff = createBackoff(config);
  /** @type {PollState} */
  let state = "loading";
  let pause = config.baseInterval;
  let idle = 0;
  let pushing = false;
  let missing = 0;
  /** @type {Promise<void> | null} */
  let refreshing = null;
  let asking = new AbortController();
  let wake = () => {};
  /** @type {FollowStatus} */
  let status = { connection: "polling", isPolling: polls, isConnected: false, lastUpdate: null, error: null, retryCount: 0,
    currentInterval: pause, fallbacks: 0, problem: null };

  if (options.state) known.take(options.state);

  /** @param {Partial<FollowStatus>} [changes] */
  function tell(changes = {}) {
    const now = { ...status, ...changes };
    const connection = pushing || (now.isConnected && state === "parked") ? "live"
      : state === "draining" || now.error === "draining" ? "draining"
      : state === "offline" || now.retryCount || !polls ? "offline" : "polling";
    const next = { ...now, connection, fallbacks: known.failures };
    const same = Object.entries(next).every(([name, value]) => value === /** @type {any} */ (status)[name]);
    status = /** @type {FollowStatus} */ (next);
    if (!same) call(options.onStatus, status);
  }

  /** @param {PollEvent} event */
  function go(event) {
    const next = after(state, event);
    if (next === state && event !== "lost") return;
    state = next;
    if (event !== "answered" && event !== "cut") asking.abort();
    wake();
  }

  /** @param {State} whole */
  function takeState(whole, reset = false) {
    const clean = withoutNulls(whole);
    const news = known.version !== clean.version || known.state !== null || reset;
    if (known.take(clean, reset) !== "taken") return;
    if (news || !since) call(options.onState, clean, { reset });
    tell({ lastUpdate: new Date().toISOString() });
  }

  /** Take changes that follow on from `from`: each is told, and their last state. @param {Change[]} changes @param {number} [from] */
  function takeChanges(changes, from) {
    /** @type {Change | undefined} */
    let last;
    let gap = false;
    for (const change of changes) {
      const verdict = known.apply(change, from);
      if ((gap = verdict === "gap")) break;
      from = change.version;
      if (verdict === "taken") call(options.onChange, (last = change));
    }
    if (last && known.state) {
      call(options.onState, known.state, { reset: false, ...(last.mutation_id ? { mutationId: last.mutation_id } : {}) });
      tell({ lastUpdate: new Date().toISOString() });
    }
    return gap;
  }

  /** @param {any} data */
  function takeWhole(data) {
    if (!data?.state) return;
    const before = known.version;
    if (options.onChange && before && data.state.version > before) void tellChanges(before, data.state.version);
    takeState(data.state, Boolean(data.reset));
  }

  /** Tell `onChange` what a whole state jumps over. @param {number} from @param {number} until */
  async function tellChanges(from, until) {
    for (let more = true; more && state !== "stopped";) {
      const { data } = await client.changes(id, { sinceVersion: from });
      for (const change of data?.changes ?? []) {
        if (change.version <= until && change.version > from) call(options.onChange, change);
        from = Math.max(from, change.version);
      }
      more = Boolean(data?.has_more) && from < until;
    }
  }

  async function ask() {
    asking = new AbortController();
    const whole = known.state === null;
    const before = known.version;
    const polled = await poller.ask({ version: before, whole, park: state === "parked" && !whole, signal: asking.signal });
    const { answer, kind, waited } = polled;
    if (!answer.success || (kind === "whole" && !answer.data?.state && answer.status !== 304)) return refused(polled);
    const wasParked = state === "parked";
    if (kind === "whole") takeWhole(answer.data);
    else if (takeChanges(answer.data?.changes ?? [], answer.data?.from_version)) lose();
    if (asking.signal.aborted) return;
    backoff.reset();
    idle = known.version !== before || waited || !wasParked ? 0 : idle + 1;
    if (idle >= IDLE_ANSWERS) poller.giveUp();
    pause = Math.max(config.fastInterval, answer.data?.next_poll_interval ?? config.baseInterval);
    go("answered");
    if (state === "parked" && !poller.wait) go("cut");
    if (state === "interval" && poller.mayTryLonger()) state = "parked";
    if (answer.retryAfterMs !== undefined) rest("drained", backoff.next(answer.retryAfterMs));
    tell({ isConnected: true, error: null, problem: null, retryCount: 0, currentInterval: pause });
  }

  /** @param {Polled} polled */
  function refused({ answer, kind }) {
    const code = answer.problem?.code;
    if (kind === "changes" && code === "feature-disabled") return poller.noDeltas();
    if (kind === "changes" && code === "history-gone") {
      poller.noDeltas();
      return lose();
    }
    if (!answer.problem && state === "parked" && poller.wasCut()) return poller.wait ? undefined : go("cut");
    rest("failed", backoff.next(answer.retryAfterMs));
    tell({ error: answer.error ?? "no state in the answer", problem: answer.problem ?? null, retryCount: backoff.count, isConnected: false, currentInterval: pause });
  }

  /** @param {PollEvent} event @param {number} milliseconds */
  function rest(event, milliseconds) {
    pause = milliseconds;
    go(event);
  }

  function lose() {
    known.forget();
    go("lost");
  }

  const sleep = () => new Promise((resolve) => {
    const timer = state === "offline" || state === "asleep" ? undefined : setTimeout(() => {
      resolve(undefined);
      go("due");
    }, pause);
    wake = () => (clearTimeout(timer), resolve(undefined));
  });

  async function run() {
    while (state !== "stopped") await (ASKING.has(state) ? ask().catch(() => {}) : sleep());
  }

  /** Get the whole state now; once for all who ask meanwhile. */
  function refresh() {
    refreshing ??= (async () => {
      const answer = /** @type {Answer} */ (await client.poll(id, known.version ? { sinceVersion: known.version } : {}));
      refreshing = null;
      if (state === "stopped") return;
      if (answer.success) takeWhole(answer.data);
      else tell({ error: answer.error ?? null });
      // Changes came meanwhile that do not follow on: a new connection begins with the state.
      if (missing > known.version) push?.retry();
    })();
    return refreshing;
  }

  const receiver = {
    since: () => (known.state || !polls ? known.version : 0),
    onState: takeState,
    onChange: (/** @type {Change} */ change) => {
      if (!takeChanges([change])) return;
      missing = Math.max(missing, change.version);
      void refresh();
    },
    onOpen: (/** @type {boolean} */ open, /** @type {string | undefined} */ reason) => {
      pushing = open;
      if (open) tell({ isConnected: true, error: null, problem: null, retryCount: 0 });
      else tell(polls ? {} : { isConnected: false, error: reason ?? "closed" });
    },
  };
  // A browser's WebSocket sends no header, so without a token it cannot say who is asking.
  const canPush = Boolean(client.WebSocket ?? globalThis.WebSocket) && !(client.userId && !client.token && !client.getToken);
  const push = transport === "sse" ? openEvents(client, id, config, receiver)
    : transport === "websocket" || (transport === "auto" && canPush) ? openSocket(client, id, config, receiver) : null;

  const unwatch = watchPage((event) => {
    if (event === "woke") {
      asking.abort();
      return push?.retry();
    }
    const wasParked = state === "parked";
    go(event);
    if (event === "online") push?.retry();
    if (event === "shown" && (wasParked || !polls)) void refresh();
    tell();
  });
  if (polls) void run();

  return {
    stop() {
      state = "stopped";
      asking.abort();
      wake();
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
