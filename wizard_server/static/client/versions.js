import { patched } from "./json.js";
import { withoutNulls } from "./nulls.js";

/** @import { Change } from "./client.types.js" */
/** @import { State, Verdict } from "./parts.types.js" */

/** One state as it is known here: newer versions replace it, whatever channel they come by and in which order. */
export function createKnown(version = 0) {
  /** @type {State | null} */
  let state = null;
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
     * Take a whole state, unless it is older and the server does not say that its history was put back (`reset`); the
     * same version again is taken for its marks (`stalled`). @param {State} whole @param {boolean} [reset] @returns {Verdict}
     */
    take(whole, reset = false) {
      if (whole.version < version && !reset) return "known";
      if (state && whole.version === version && whole.stalled === state.stalled && whole.stale === state.stale) return "known";
      state = whole;
      version = whole.version;
      return "taken";
    },
    /** Take one change, which must follow on from `from`. @param {Change} change @param {number} [from] @returns {Verdict} */
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
    /** Drop the state: a whole one is needed, no older one. */
    forget() {
      state = null;
    },
  };
}
