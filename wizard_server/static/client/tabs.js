/**
 * @typedef {Pick<BroadcastChannel, "postMessage" | "close"> & {onmessage: ((event: any) => void) | null}} Channel
 */

/**
 * Many tabs, one connection: the tab that holds the lock `name` leads, which is `lead` called until it is stopped;
 * what it tells goes to all others. When it closes, the browser gives the lock to the next.
 * Without locks every tab leads for itself, and they still tell each other.
 * @param {{name: string, channel: Channel | null, lead: () => () => void, hear: (message: any) => void, greet: () => any}} tab
 */
export function joinTabs({ name, channel, lead, hear, greet }) {
  const locks = channel ? globalThis.navigator?.locks : undefined;
  const leaving = new AbortController();
  let leads = false;
  /** @type {() => void} */
  let stop = () => {};
  /** @type {() => void} */
  let release = () => {};

  if (channel) {
    channel.onmessage = ({ data }) => {
      if (data.kind === "hello") leads && channel.postMessage(greet());
      else hear(data);
    };
    channel.postMessage({ kind: "hello" });
  }
  function begin() {
    leads = true;
    stop = lead();
  }
  if (!locks) begin();
  else {
    const held = () => new Promise((resolve) => {
      if (leaving.signal.aborted) return resolve(undefined);
      release = () => resolve(undefined);
      begin();
    });
    locks.request(name, { signal: leaving.signal }, held).catch(() => {});
  }
  return {
    get leads() {
      return leads;
    },
    /** @param {any} message */
    tell(message) {
      channel?.postMessage(message);
    },
    leave() {
      leads = false;
      leaving.abort();
      stop();
      release();
      channel?.close();
    },
  };
}
