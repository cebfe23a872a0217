/** @typedef {import("./wizard.types.js").PollingConfig} PollingConfig */

/** @type {PollingConfig} The specification's values, where the server's are not given. */
export const DEFAULTS = {
  baseInterval: 2000, fastInterval: 500, slowInterval: 5000, maxRetries: 3, backoffMultiplier: 2, maxBackoff: 30000,
};

/**
 * How long to pause after failures in a row: it grows, has jitter, and yields to the server's `Retry-After`.
 * @param {PollingConfig} config
 */
export function createBackoff({ baseInterval, backoffMultiplier, maxBackoff }) {
  let failures = 0;
  return {
    /** Failures since the last good answer. */
    get count() {
      return failures;
    },
    /** Count a failure and return the milliseconds to pause. @param {number} [retryAfterMs] */
    next(retryAfterMs) {
      failures += 1;
      if (retryAfterMs !== undefined) return retryAfterMs * (1 + Math.random() / 10);
      const longest = Math.min(maxBackoff, baseInterval * backoffMultiplier ** (failures - 1));
      return longest * (0.5 + Math.random() / 2);
    },
    /** A good answer came. */
    reset() {
      failures = 0;
    },
  };
}
