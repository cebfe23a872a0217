import { patched } from "./json.js";
import { withoutNulls } from "./nulls.js";

/**
 * @typedef {import("./client.types.js").FollowedState} FollowedState
 * @typedef {import("./client.types.js").Change} Change
 * @typedef {"taken" | "known" | "gap"} Verdict
 */

/** One state as it is known here: newer versions replace it, whatever channel they come by and in which order. */
export function createKnown() {
  /** @type {FollowedState | null} */
  let state = null;
  let version = 0;
  let failures = 0;
  return {
    get state() {
      return state;
    },
    get version() {
      return version;
    },
    /** Patches that did not apply. */
    get failures() {
      return failures;
    },
    /**
     * Take a whole state. Older ones are refused unless the server says that its history was put back (`reset`);
     * the same version again is taken for its marks (`stalled`).
     * @param {FollowedState} whole @param {boolean} [reset] @returns {Verdict}
     */
    take(whole, reset = false) {
      if (state && !reset && whole.version < version) return "known";
      const same = state !== null && whole.version === version && whole.stalled === state.stalled && whole.stale === state.stale;
      if (same && !reset) return "known";
      state = whole;
      version = whole.version;
      return "taken";
    },
    /**
     * Take one change, which must follow on from `from` (by default the version before its own).
     * @param {Change} change @param {number} [from] @returns {Verdict}
     */
    apply(change, from = change.version - 1) {
      if (change.version <= version) return "known";
      if (!state || from !== version) return "gap";
      try {
        state = { ...withoutNulls(patched(state, change.patch)), version: change.version };
      } catch {
        failures += 1;
        return "gap";
      }
      version = change.version;
      return "taken";
    },
    /** Drop the state; only versions from `since` on, by default those not older than it, are taken. @param {number} [since] */
    forget(since = version) {
      state = null;
      version = since;
    },
  };
}
