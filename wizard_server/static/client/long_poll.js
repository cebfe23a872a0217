/** @import { WizardClient } from "./client.types.js" */
/** @import { Answer, Polled } from "./parts.types.js" */

const LONGEST_WAIT_SECONDS = 55;
/** How much longer than its wait an answer may take before the line counts as dead. */
const GRACE_MS = 10_000;
/** A wait that ends without an answer after this long was cut by something in between. */
const CUT_AFTER_MS = 900;
const TRY_LONGER_AFTER_MS = 300_000;

/** Asks the server for what is new, as deltas where they are to be had, and learns how long the line lets it wait. @param {WizardClient} client @param {string} id */
export function createPoller(client, id) {
  let wait = LONGEST_WAIT_SECONDS;
  let cuts = 0;
  let learntAt = 0;
  let lasted = 0;
  let wholesUntil = 0;

  return {
    /** Seconds for which a poll may park; 0: intervals. */
    get wait() {
      return wait;
    },
    /** Ask once; rejects only when `signal` is aborted. @param {{version: number, whole: boolean, park: boolean, signal: AbortSignal}} ask @returns {Promise<Polled>} */
    async ask({ version, whole, park, signal }) {
      const asked = park ? wait : 0;
      const started = performance.now();
      const limit = new AbortController();
      const abort = () => limit.abort(signal.reason);
      signal.addEventListener("abort", abort, { once: true });
      const timer = setTimeout(() => limit.abort(), asked * 1000 + GRACE_MS);
      const options = { ...(version ? { sinceVersion: version } : {}), ...(asked ? { wait: asked } : {}), signal: limit.signal };
      const kind = whole || started < wholesUntil ? "whole" : "changes";
      try {
        const answer = /** @type {Answer} */ (await (kind === "whole" ? client.poll(id, options) : client.changes(id, options)));
        lasted = performance.now() - started;
        const waited = lasted >= asked * 500;
        if (answer.success && waited) cuts = 0;
        return { kind, answer, waited };
      } catch (error) {
        if (signal.aborted) throw error;
        lasted = performance.now() - started;
        return { kind, answer: { success: false, status: 0, error: "no answer in time", timestamp: "" }, waited: true };
      } finally {
        clearTimeout(timer);
        signal.removeEventListener("abort", abort);
      }
    },
    /** Ask for whole states for a while: the server has no deltas. */
    noDeltas() {
      wholesUntil = performance.now() + TRY_LONGER_AFTER_MS;
    },
    /** An ask without an answer: says whether its wait was cut in the middle. After a second time waits are shorter. */
    wasCut() {
      if (!wait || lasted < CUT_AFTER_MS || lasted > wait * 1000 - CUT_AFTER_MS) {
        cuts = 0;
        return false;
      }
      cuts += 1;
      if (cuts > 1) {
        learntAt = performance.now();
        wait = Math.floor((lasted / 1000) * 0.7);
      }
      return true;
    },
    /** Do not wait from now on. */
    giveUp() {
      learntAt = performance.now();
      wait = 0;
    },
    /** Whether it is time to try long waits again. */
    mayTryLonger() {
      if (wait === LONGEST_WAIT_SECONDS || performance.now() - learntAt < TRY_LONGER_AFTER_MS) return false;
      wait = LONGEST_WAIT_SECONDS;
      cuts = 0;
      return true;
    },
  };
}
