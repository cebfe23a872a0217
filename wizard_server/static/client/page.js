/** A tick that comes this much too late: the machine slept, or the clock was set. */
const TICK_MS = 5000;
const LATE_MS = 15_000;

/**
 * Tell what happens to the page, and "woke" after the machine slept; outside a browser only that is known. Returns how
 * to end it.
 * @param {(event: "hidden" | "shown" | "offline" | "online" | "woke") => void} tell
 */
export function watchPage(tell) {
  const page = globalThis.document;
  const ending = new AbortController();
  const { signal } = ending;
  if (page) {
    page.addEventListener("visibilitychange", () => tell(page.visibilityState === "hidden" ? "hidden" : "shown"), { signal });
    for (const event of /** @type {const} */ (["offline", "online"])) {
      globalThis.addEventListener(event, () => tell(event), { signal });
    }
  }
  let last = Date.now();
  const ticking = setInterval(() => {
    const now = Date.now();
    if (now - last > TICK_MS + LATE_MS) tell("woke");
    last = now;
  }, TICK_MS);
  /** @type {{unref?: () => void}} */ (/** @type {unknown} */ (ticking)).unref?.();
  signal.addEventListener("abort", () => clearInterval(ticking));
  return () => ending.abort();
}
