/**
 * @typedef {import("./client.types.js").WizardClient} WizardClient
 * @typedef {import("./client.types.js").ApiResponse<any>} Answer
 * @typedef {{kind: "whole" | "changes", answer: Answer, waited: boolean}} Polled
 */

/** How long to ask the server to park a poll, and how much longer an answer may take before the line counts as dead. */
const LONGEST_WAIT_SECONDS = 55;
const GRACE_MS = 10_000;
/** A wait that ends without an answer after this long was cut by something in between, not refused. */
const CUT_AFTER_MS = 900;
const TRY_LONGER_AFTER_MS = 300_000;

/**
 * Asks the server for what is new, as deltas where they are to be had. Learns how long the line lets it wait.
 * @param {WizardClient} client @param {string} id
 */
export function createPoller(client, id) {
  let wait = LONGEST_WAIT_SECONDS;
  let deltas = true;
  let cutAt = 0;

  /** @param {number} asked @param {AbortSignal} signal */
  function deadline(asked, signal) {
    const controller = new AbortController();
    const abort = () => controller.abort(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    const timer = setTimeout(() => controller.abort(new Error("no answer in time")), asked * 1000 + GRACE_MS);
    return {
      signal: controller.signal,
      done() {
        clearTimeout(timer);
        signal.removeEventListener("abort", abort);
      },
    };
  }

  return {
    /** Seconds for which a poll may park; 0: intervals. */
    get wait() {
      return wait;
    },
    /**
     * Ask once. Rejects only when `signal` is aborted.
     * @param {{version: number, whole: boolean, park: boolean, signal: AbortSignal}} ask
     * @returns {Promise<Polled>}
     */
    async ask({ version, whole, park, signal }) {
      if (cutAt && performance.now() - cutAt > TRY_LONGER_AFTER_MS) {
        wait = LONGEST_WAIT_SECONDS;
        cutAt = 0;
      }
      const asked = park ? wait : 0;
      const started = performance.now();
      const limit = deadline(asked, signal);
      const options = { ...(asked ? { wait: asked } : {}), signal: limit.signal };
      try {
        const kind = whole || !deltas ? "whole" : "changes";
        const answer = kind === "changes"
          ? await client.changes(id, { sinceVersion: version, ...options })
          : await client.poll(id, version ? { sinceVersion: version, ...options } : { signal: limit.signal });
        if (answer.problem?.code === "feature-disabled" && kind === "changes") deltas = false;
        return { kind, answer, waited: performance.now() - started >= asked * 500 };
      } catch (error) {
        if (signal.aborted) throw error;
        const answer = { success: false, status: 0, error: "no answer in time", timestamp: new Date().toISOString() };
        return { kind: "whole", answer, waited: true };
      } finally {
        limit.done();
        this.lasted = performance.now() - started;
      }
    },
    /** Milliseconds that the last request took. */
    lasted: 0,
    /** Take note that the line was cut in the middle of a wait; says whether that is what it was. */
    wasCut() {
      if (!wait || this.lasted < CUT_AFTER_MS || this.lasted > wait * 1000 - CUT_AFTER_MS) return false;
      cutAt = performance.now();
      wait = Math.floor((this.lasted / 1000) * 0.7);
      return true;
    },
  };
}
