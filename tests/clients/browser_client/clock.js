// A clock that moves only when a test says so, in place of the timers, `Date.now` and `performance.now`.
import { setImmediate as immediately } from "node:timers/promises";

const real = { setTimeout, clearTimeout, setInterval, clearInterval, dateNow: Date.now, performanceNow: performance.now };

/** Let everything run that waits for no timer. */
export async function settled() {
  for (let turn = 0; turn < 6; turn += 1) await immediately();
}

export function fakeClock(start = Date.parse("2026-11-27T00:00:00.000Z")) {
  let wall = start;
  let now = 0;
  let last = 0;
  const timers = new Map();
  const add = (callback, delay = 0, every = false) => {
    last += 1;
    const id = last;
    timers.set(id, { at: now + Math.max(0, delay), callback, every: every ? Math.max(1, delay) : 0 });
    return id;
  };
  globalThis.setTimeout = (callback, delay) => add(callback, delay);
  globalThis.setInterval = (callback, delay) => add(callback, delay, true);
  globalThis.clearTimeout = globalThis.clearInterval = (id) => void timers.delete(id);
  Date.now = () => wall;
  performance.now = () => now;
  return {
    get timers() {
      return timers.size;
    },
    /** Move on by `ms`, timer by timer. */
    async advance(ms) {
      const until = now + ms;
      for (;;) {
        await settled();
        const due = [...timers].filter(([, { at }]) => at <= until).sort(([, one], [, other]) => one.at - other.at)[0];
        if (!due) break;
        const [id, timer] = due;
        wall += Math.max(0, timer.at - now);
        now = Math.max(now, timer.at);
        if (timer.every) timer.at = now + timer.every;
        else timers.delete(id);
        timer.callback();
      }
      wall += Math.max(0, until - now);
      now = Math.max(now, until);
      await settled();
    },
    /** The machine sleeps: time passes and no timer runs; then all that is due runs at once. */
    async sleep(ms) {
      now += ms;
      wall += ms;
      for (const timer of timers.values()) if (timer.every) timer.at = Math.max(timer.at, now);
      await this.advance(0);
    },
    /** Somebody sets the clock. */
    jump(ms) {
      wall += ms;
    },
    restore() {
      const { dateNow, performanceNow, ...timersOfNode } = real;
      Object.assign(globalThis, timersOfNode);
      Date.now = dateNow;
      performance.now = performanceNow;
    },
  };
}
