import { createBackoff } from "./backoff.js";
import { equal } from "./json.js";
import { added, conflicting, fieldsOf, onto, overlaid, rebased } from "./pending.js";
import { isConflict, isTransient } from "./problems.js";

/** @import { Answer, Pending, State, Stuck, SyncSettings, Update } from "./parts.types.js" */

/**
 * Keeps one investigation in step with the server: its newest state, and over it the updates that wait for an answer.
 * One update is on its way at a time; what gets no answer is sent again as the same request.
 * @param {SyncSettings} settings
 */
export function createSync({ client, id, config, changed, refused, save }) {
  const backoff = createBackoff(config);
  /** @type {Pending[]} */
  let queue = [];
  /** @type {State | null} */
  let server = null;
  /** The first of the queue, where somebody must decide. @type {Stuck | null} */
  let stuck = null;
  /** @type {AbortController | null} */
  let sending = null;
  let running = false;
  let stopped = false;
  let wake = () => {};
  let hurry = () => {};

  function publish() {
    if (stopped) return;
    save(queue);
    changed({
      server,
      seen: server && overlaid(server, queue),
      local: queue.length ? Object.assign({}, ...queue.map(({ updates }) => updates)) : null,
      conflict: stuck?.conflict ?? null,
      isSending: sending !== null,
      waiting: queue.length,
    });
  }

  /** @param {Pending} entry */
  function settle(entry) {
    for (const done of entry.done.splice(0)) done();
  }

  /** Rest what is not sent on the newest state. */
  function rebase() {
    if (!server) return;
    const now = rebased(queue, server);
    queue = now.queue;
    stuck = now.conflict;
    now.settled.forEach(settle);
    if (stuck) settle(stuck.entry);
  }

  function changedQueue() {
    publish();
    void flush();
  }

  async function flush() {
    if (running) return;
    running = true;
    while (queue.length && server && !stuck && !stopped) await sendFirst();
    running = false;
  }

  async function sendFirst() {
    const entry = { .../** @type {Pending} */ (queue[0]), sent: true };
    queue = [entry, ...queue.slice(1)];
    sending = new AbortController();
    publish();
    const how = { ...(entry.version ? { ifMatch: entry.version } : {}), mutationId: entry.mutationId, signal: sending.signal };
    /** @type {Answer} */
    const answer = await client.updateState(id, entry.updates, how)
      .catch((error) => ({ success: false, status: 0, error: String(error), timestamp: "" }));
    sending = null;
    if (stopped || queue[0] !== entry) return publish(); // given up meanwhile
    if (answer.success && answer.data?.version) accepted(entry, answer.data);
    else if (answer.success || isTransient(answer)) return later(answer);
    else if (isConflict(answer)) overtaken(entry, answer);
    else dropped(entry, answer);
    publish();
  }

  /** The server answered: what kept it from that is over. */
  function heard() {
    if (backoff.count) refused(null);
    backoff.reset();
  }

  /** @param {Pending} entry @param {State} state */
  function accepted(entry, state) {
    heard();
    const fields = fieldsOf(entry.updates);
    // What comes after it was made upon it.
    queue = queue.slice(1).map((each) => ({
      ...each, base: { ...each.base, ...Object.fromEntries(fields.filter((field) => field in each.updates).map((field) => [field, state[field]])) },
    }));
    if (!server || state.version >= server.version) server = state;
    settle(entry);
    rebase();
  }

  /** @param {Pending} entry @param {Answer} answer */
  function overtaken(entry, { problem }) {
    heard();
    if (problem?.current && problem.current.version >= (server?.version ?? 0)) server = problem.current;
    const current = /** @type {State} */ (server);
    const unsent = { ...entry, sent: false };
    queue = [problem?.mergeable ? onto(entry, current) : unsent, ...queue.slice(1)];
    rebase();
    if (problem?.mergeable || stuck || queue[0]?.mutationId === undefined) return;
    const mine = fieldsOf(entry.updates).filter((field) => !equal(entry.updates[field], current[field]));
    const both = mine.filter((field) => problem?.changed_fields?.includes(field));
    if (!mine.length) return;
    stuck = { entry: unsent, conflict: conflicting(unsent, both.length ? both : mine, current) };
    settle(unsent);
  }

  /** The server's last word; and nothing begins with settings that it refused. @param {Pending} entry @param {Answer} answer */
  function dropped(entry, answer) {
    backoff.reset();
    const rests = (/** @type {Pending} */ { updates }) => entry.updates.settings && updates.wizard_step && !updates.settings;
    const gone = queue.filter((each) => each === entry || rests(each));
    queue = queue.filter((each) => !gone.includes(each));
    refused(answer.error ?? null);
    gone.forEach(settle);
    rebase();
  }

  /** @param {Answer} answer */
  function later(answer) {
    refused(answer.error ?? null);
    publish();
    return new Promise((/** @type {(value: void) => void} */ resolve) => {
      const timer = setTimeout(resolve, backoff.next(answer.retryAfterMs));
      wake = () => (clearTimeout(timer), resolve());
      hurry = answer.retryAfterMs === undefined ? wake : () => {};
    });
  }

  return {
    get version() {
      return server?.version ?? 0;
    },
    /** Take a state that is newer, or marked otherwise; with `reset`, whatever it is. @param {State} state */
    receive(state, reset = false) {
      if (server && !reset && (state.version < server.version ||
        (state.version === server.version && state.stalled === server.stalled && state.stale === server.stale))) return;
      server = state;
      rebase();
      changedQueue();
    },
    /** Take up drafts. @param {Pending[]} drafts */
    restore(drafts) {
      if (!drafts.length) return;
      queue = [...drafts, ...queue];
      rebase();
      changedQueue();
    },
    /** Show `updates` at once and send them; resolves when the server has answered, or somebody must decide. @param {Update} updates */
    update(updates) {
      return new Promise((/** @type {(value: void) => void} */ resolve) => {
        if (!server) return resolve(refused("the investigation is not loaded"));
        queue = added(queue, updates, server, resolve);
        if (stuck) rebase();
        changedQueue();
      });
    },
    /** Give up every update; returns whether one of them may have reached the server. */
    rollback() {
      const given = queue;
      queue = [];
      stuck = null;
      sending?.abort();
      wake();
      given.forEach(settle);
      publish();
      return given.some(({ sent }) => sent);
    },
    /** @param {"mine" | "theirs" | Update} choice */
    resolve(choice) {
      const [entry, ...rest] = queue;
      if (!stuck || !server || !entry) return;
      const { fields } = stuck.conflict;
      const without = (/** @type {Pending} */ each) =>
        ({ ...each, updates: Object.fromEntries(Object.entries(each.updates).filter(([field]) => !fields.includes(field))) });
      const chosen = typeof choice === "object" ? { ...entry, updates: { ...entry.updates, ...choice } } : entry;
      queue = choice === "theirs" ? [onto(without(entry), server), ...rest.map(without)] : [onto(chosen, server), ...rest];
      queue = queue.filter((each) => fieldsOf(each.updates).length || settle(each));
      rebase();
      changedQueue();
    },
    /** Send now what waits for its next attempt, unless the server said how long. */
    hurry: () => hurry(),
    /** Resolves when nothing is on its way: all is answered, or somebody must decide. */
    settled: () => Promise.all(stuck ? [] : queue.map((entry) =>
      new Promise((resolve) => entry.done.push(() => resolve(undefined))))),
    stop() {
      stopped = true;
      sending?.abort();
      wake();
      queue.forEach(settle);
    },
  };
}
