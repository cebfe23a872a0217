/** @import { PollEvent, PollState } from "./parts.types.js" */

/**
 * The poll channel: what each event makes of each state. `follow.js` acts on it.
 *
 *     loading --answered--> parked --answered--> parked          a long-poll waits at the server
 *                            | cut           ^ longer
 *                            v               |
 *                          interval --due--> asking --answered--> interval       a proxy cuts waits short
 *
 * From each: failed -> retrying (backoff), drained -> draining (Retry-After), offline, hidden -> asleep, stop.
 * @type {Record<PollState, Partial<Record<PollEvent, PollState>>>}
 */
export const TRANSITIONS = {
  loading: { answered: "parked", cut: "retrying", failed: "retrying", drained: "draining", lost: "loading", offline: "offline", stop: "stopped" },
  parked: { answered: "parked", cut: "interval", failed: "retrying", drained: "draining", lost: "loading", offline: "offline", stop: "stopped" },
  interval: { due: "asking", lost: "loading", hidden: "asleep", offline: "offline", stop: "stopped" },
  asking: { answered: "interval", cut: "interval", longer: "parked", failed: "retrying", drained: "draining", lost: "loading", hidden: "asleep", offline: "offline", stop: "stopped" },
  retrying: { due: "loading", hidden: "asleep", offline: "offline", online: "loading", stop: "stopped" },
  draining: { due: "loading", hidden: "asleep", offline: "offline", stop: "stopped" },
  offline: { online: "loading", stop: "stopped" },
  asleep: { shown: "loading", offline: "offline", stop: "stopped" },
  stopped: {},
};

/** An event that means nothing in a state leaves it. @param {PollState} state @param {PollEvent} event */
export const after = (state, event) => TRANSITIONS[state][event] ?? state;

/** States in which a request is due or on its way. @type {ReadonlySet<PollState>} */
export const ASKING = new Set(/** @type {const} */ (["loading", "parked", "asking"]));
