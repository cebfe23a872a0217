import { createBackoff } from "./backoff.js";
import { added, conflicting, fieldsOf, onto, overlaid, rebased } from "./pending.js";
import { isConflict, isTransient } from "./problems.js";

/**
 * @typedef {import("./client.types.js").WizardClient} WizardClient
 * @typedef {import("./client.types.js").FollowedState} State
 * @typedef {import("./client.types.js").Conflict} Conflict
 * @typedef {import("./client.types.js").PollingConfig} PollingConfig
 * @typedef {import("./client.types.js").ApiResponse<any>} Answer
 * @typedef {import("./wizard.types.js").WizardStateUpdate} Update
 * @typedef {import("./pending.js").Pending} Pending
 * @typedef {{server: State | null, seen: State | null, local: Update | null, conflict: Conflict | null, isSending: boolean, waiting: number}} Synced
 */

/**
 * Keeps one investigation in step with the server: its newest state, and over it the updates that wait for an answer.
 * One update is on its way at a time; what cannot be sent now is sent again, as the same request.
 * @param {{client: WizardClient, id: string, config: PollingConfig, queue: Pending[],
 *   changed: (synced: Synced) => void, refused: (reason: string | null) => void, save: (queue: readonly Pending[]) => void}} given
 */
export function createSync({ client, id, config, queue, changed, refused, save }) {
  const backoff = createBackoff(config);
  const stopping = new AbortController();
  /** @type {State | null} */
  let server = null;
  /** @type {{entry: Pending, conflict: Conflict} | null} */
  let stuck = null;
  let isSending = false;
  let wake = () => {};

  function publish() {
    save(queue);
    changed({
      server,
      seen: server && overlaid(server, queue),
      local: queue.length ? Object.assign({}, ...queue.map(({ updates }) => updates)) : null,
      conflict: stuck?.conflict ?? null,
      isSending,
      waiting: queue.length,
    });
  }

  /** Rest what is not sent on the newest state. */
  function rebase() {
    if (!server) return;
    const now = rebased(queue, server);
    queue = now.queue;
    for (const entry of now.settled) settle(entry);
    stuck = now.conflict;
    if (stuck) settle(stuck.entry);
  }

  /** @param {Pending} entry */
  function settle(entry) {
    for (const done of entry.done.splice(0)) done();
  }

  /** @param {Pending} entry @param {Pending[]} instead */
  function replace(entry, ...instead) {
    queue = queue.flatMap((each) => (each === entry ? instead : [each]));
  }

  /** @param {State} state @param {boolean} [reset] whether the server's history was put back */
  function receive(state, reset = false) {
    if (server && !reset && state.version < server.version) return;
    server = state;
    rebase();
    publish();
    void flush();
  }

  async function flush() {
    if (isSending || !server) return;
    isSending = true;
    try {
      while (queue.length && !stuck && !stopping.signal.aborted) {
        const entry = { .../** @type {Pending} */ (queue[0]), sent: true };
        queue = [entry, ...queue.slice(1)];
        publish();
        const answer = await client.updateState(id, entry.updates, { ifMatch: entry.version, mutationId: entry.mutationId, signal: stopping.signal });
        if (answer.success && answer.data) accepted(entry, answer.data);
        else if (isConflict(answer)) overtaken(entry, answer);
        else if (isTransient(answer) || answer.status === 401) await later(answer);
        else dropped(entry, answer);
      }
    } catch (error) {
      if (!stopping.signal.aborted) throw error;
    } finally {
      isSending = false;
      if (!stopping.signal.aborted) publish();
    }
  }

  /** @param {Pending} entry @param {State} state */
  function accepted(entry, state) {
    backoff.reset();
    refused(null);
    replace(entry);
    // What comes after it in the queue was made upon it.
    const mine = fieldsOf(entry.updates);
    queue = queue.map((each) => ({ ...each, base: { ...each.base, ...Object.fromEntries(
      mine.filter((field) => field in each.updates).map((field) => [field, state[field]])) } }));
    settle(entry);
    if (server && state.version < server.version) rebase();
    else server = state;
    rebase();
  }

  /** Somebody else was first. @param {Pending} entry @param {Answer} answer */
  function overtaken(entry, { problem }) {
    const current = problem?.current ?? /** @type {State} */ (server);
    if (!server || current.version > server.version) server = current;
    const fields = fieldsOf(entry.updates).filter((field) => problem?.changed_fields?.includes(field));
    const unsent = { ...entry, sent: false };
    if (problem?.mergeable) replace(entry, onto(entry, current));
    else {
      replace(entry, unsent);
      stuck = { entry: unsent, conflict: conflicting(unsent, fields.length ? fields : fieldsOf(entry.updates), current) };
      settle(unsent);
    }
  }

  /** @param {Pending} entry @param {Answer} answer */
  function dropped(entry, answer) {
    backoff.reset();
    replace(entry);
    refused(answer.error ?? null);
    settle(entry);
    rebase();
  }

  /** @param {Answer} answer */
  async function later(answer) {
    refused(answer.error ?? null);
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, backoff.next(answer.retryAfterMs));
      wake = () => (clearTimeout(timer), resolve(undefined));
    });
  }

  return {
    receive,
    /** Show `updates` at once and send them; resolves when the server has answered, or somebody must decide. @param {Update} updates */
    update(updates) {
      const state = server;
      if (!state) return Promise.reject(new Error("no investigation is open"));
      return new Promise((/** @type {(value: void) => void} */ resolve) => {
        queue = added(queue, updates, state, resolve);
        publish();
        void flush();
      });
    },
    /** Give up what is not answered. */
    rollback() {
      const given = queue;
      queue = queue.filter(({ sent }) => sent);
      stuck = null;
      for (const entry of given) if (!entry.sent) settle(entry);
      publish();
      void flush();
    },
    /** @param {"mine" | "theirs" | Update} choice */
    resolve(choice) {
      if (!stuck || !server) return;
      const { entry, conflict } = stuck;
      stuck = null;
      if (choice === "theirs") {
        queue = queue.flatMap((each) => {
          const updates = Object.fromEntries(Object.entries(each.updates).filter(([field]) => !conflict.fields.includes(field)));
          return Object.keys(updates).length ? [{ ...each, updates }] : (settle(each), []);
        });
        const rest = queue.find(({ mutationId }) => mutationId === entry.mutationId);
        if (rest) replace(rest, onto(rest, server));
      } else replace(entry, onto({ ...entry, updates: choice === "mine" ? entry.updates : { ...entry.updates, ...choice } }, server));
      rebase();
      publish();
      void flush();
    },
    /** Send now what waits for its next attempt. */
    hurry: () => wake(),
    /** Resolves when nothing is on its way: all is answered, or somebody must decide. */
    async settled() {
      await Promise.all(queue.filter(({ sent }) => sent || !stuck).map((entry) => new Promise((resolve) => entry.done.push(() => resolve(undefined)))));
    },
    stop() {
      stopping.abort();
      wake();
    },
  };
}
