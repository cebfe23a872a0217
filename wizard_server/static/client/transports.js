/**
 * The poll channel as a table: what each event makes of each state. Pure; `follow.js` acts on it.
 *
 *     loading --answered--> parked --answered--> parked        a long-poll waits at the server
 *        |                    | cut short again and again
 *        |                    v
 *        |                 interval <--answered/due--> asking   short polls where a proxy cuts waits
 *        | failed: retrying (backoff) | 503 while draining: draining (Retry-After) | offline | asleep (hidden)
 *
 * @typedef {"loading" | "parked" | "interval" | "asking" | "retrying" | "draining" | "offline" | "asleep" | "stopped"} State
 * @typedef {"answered" | "cut" | "failed" | "drained" | "due" | "lost" | "hidden" | "shown" | "offline" | "online" | "stop"} Event
 */

/** @type {Record<State, Partial<Record<Event, State>>>} */
export const TRANSITIONS = {
  loading: { answered: "parked", cut: "retrying", failed: "retrying", drained: "draining", lost: "loading", offline: "offline", stop: "stopped" },
  parked: { answered: "parked", cut: "interval", failed: "retrying", drained: "draining", lost: "loading", offline: "offline", stop: "stopped" },
  interval: { due: "asking", lost: "loading", hidden: "asleep", offline: "offline", stop: "stopped" },
  asking: { answered: "interval", cut: "interval", failed: "retrying", drained: "draining", lost: "loading", hidden: "asleep", offline: "offline", stop: "stopped" },
  retrying: { due: "loading", hidden: "asleep", offline: "offline", online: "loading", stop: "stopped" },
  draining: { due: "loading", hidden: "asleep", offline: "offline", stop: "stopped" },
  offline: { online: "loading", stop: "stopped" },
  asleep: { shown: "loading", offline: "offline", stop: "stopped" },
  stopped: {},
};

/**
 * The state after `event`; an event that means nothing in a state leaves it.
 * @param {State} state @param {Event} event @returns {State}
 */
export const after = (state, event) => TRANSITIONS[state][event] ?? state;

/** States in which a request is due or under way. */
export const ASKING = /** @type {ReadonlySet<State>} */ (new Set(["loading", "parked", "asking"]));
