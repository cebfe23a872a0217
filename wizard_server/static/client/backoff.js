/** @import { PollingConfig } from "./wizard.types.js" */

/** The specification's values, where the server's are not given. @type {PollingConfig} */
export const DEFAULTS = {
  baseInterval: 2000, fastInterval: 500, slowInterval: 5000, maxRetries: 3, backoffMultiplier: 2, maxBackoff: 30000,
};
/** A timer over 24 days would fire at once. */
const LONGEST_MS = 86_400_000;

/**
 * The pause after failures in a row: it grows, has jitter, and yields to `Retry-After`. After `maxRetries` failures a
 * `Retry-After` no longer makes it shorter, because a zero would be a loop.
 * @param {PollingConfig} config
 */
export function createBackoff({ baseInterval, maxRetries, backoffMultiplier, maxBackoff }) {
  let failures = 0;
  return {
    get count() {
      return failures;
    },
    /** Counts a failure. @param {number} [retryAfterMs] */
    next(retryAfterMs) {
      failures += 1;
      const own = Math.min(maxBackoff, baseInterval * backoffMultiplier ** (failures - 1)) * (0.5 + Math.random() / 2);
      if (retryAfterMs === undefined) return own;
      return Math.min(LONGEST_MS, Math.max(retryAfterMs * (1 + Math.random() / 10), failures > maxRetries ? own : 0));
    },
    /** A good answer came. */
    reset() {
      failures = 0;
    },
  };
}
