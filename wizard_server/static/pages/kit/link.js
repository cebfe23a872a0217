/** @import { Answer } from "../types.js" */
const MOST_MS = 30_000;

/**
 * How a view that asks again and again stands with the server, `word` while all is well, and its rests between requests.
 * @param {() => void} changed
 */
export function createLink(changed, word = "live") {
  const stopping = new AbortController(), { signal } = stopping;
  let asking = new AbortController(), due = false, wake = () => {};
  const link = {
    connection: "offline", hidden: true, syncedAt: /** @type {string | null} */ (null), error: /** @type {string | null} */ (null),
    refusal: "", retryAt: 0, failures: 0, signal, ask, pause, hurry, stop,
  };

  for (const event of ["online", "focus"]) addEventListener(event, hurry, { signal });
  document.addEventListener("visibilitychange", hurry, { signal });
  // What is parked when the line is cut never ends by itself, and what rests, or is about to, shall say that it is cut.
  addEventListener("offline", () => { asking.abort(); hurry(); }, { signal });

  /** Do not rest now, nor before the next request. */
  function hurry() {
    due = true;
    wake();
  }

  /** @param {number} ms */
  async function pause(ms) {
    if (!due) {
      await new Promise((/** @type {(nothing: void) => void} */ resolve) => {
        const timer = setTimeout(resolve, ms);
        wake = () => (clearTimeout(timer), resolve());
      });
    }
    due = false;
  }

  /**
   * Send one request; after a refusal rest first. Returns the answer, and throws only what stopping cuts.
   * @template T @param {(signal: AbortSignal) => Promise<Answer<T>>} request
   */
  async function ask(request) {
    asking = new AbortController();
    const answer = await request(AbortSignal.any([signal, asking.signal])).catch(cut);
    link.hidden = false;
    if (answer.success) Object.assign(link, { connection: word, error: null, refusal: "", failures: 0, syncedAt: new Date().toISOString() });
    else await refused(answer);
    return answer;
  }

  /** @param {unknown} reason @returns {Answer<any>} */
  function cut(reason) {
    if (signal.aborted) throw reason;
    return { success: false, status: 0, timestamp: "" };
  }

  /** @param {Answer<unknown>} answer */
  async function refused({ status, error, problem, retryAfterMs }) {
    link.failures += 1;
    link.error = status ? error ?? "" : navigator.onLine ? "The server cannot be reached" : "This browser is offline";
    link.refusal = problem?.code ?? "";
    link.connection = status === 503 ? "draining" : status && status < 500 ? "polling" : "offline";
    link.retryAt = Date.now() + (retryAfterMs ?? Math.min(MOST_MS, 1000 * 2 ** (link.failures - 1)));
    changed();
    await pause(link.retryAt - Date.now());
  }

  function stop() {
    stopping.abort();
    wake();
  }

  return link;
}

/** Go on until the view is left. @param {{ signal: AbortSignal }} link @param {() => Promise<void>} follow */
export const untilStopped = ({ signal }, follow) => void follow().catch((error) => { if (!signal.aborted) throw error; });
