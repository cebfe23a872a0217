/** @import { Message, Tab } from "./parts.types.js" */

/**
 * Many tabs, one connection: the tab that holds the lock `name` leads, and what it tells goes to all others. When it
 * closes, the browser gives the lock to the next. Without locks (plain HTTP) every tab leads for itself.
 * @param {Tab} tab
 */
export function joinTabs({ name, channel, lead, hear, greet }) {
  const locks = channel ? globalThis.navigator?.locks : undefined;
  let left = false;
  let leads = false;
  let asking = new AbortController();
  let stop = () => {};
  let release = () => {};

  if (channel) {
    channel.onmessage = ({ data }) => {
      if (data?.kind !== "hello") return hear(data);
      if (leads) for (const message of greet()) channel.postMessage(message);
    };
    channel.postMessage({ kind: "hello" });
  }
  const begin = () => {
    leads = true;
    stop = lead();
  };
  const end = () => {
    leads = false;
    stop();
    stop = () => {};
    release();
  };
  /** @param {LockOptions} how */
  function ask(how) {
    /** @type {(lock: unknown) => Promise<void>} */
    const held = () => new Promise((resolve) => {
      release = resolve;
      if (left) resolve();
      else begin();
    });
    locks?.request(name, how, held).catch(() => {
      // Another tab took the lock, or this request was withdrawn.
      if (left || !leads) return;
      end();
      queue();
    });
  }
  const queue = () => ask({ signal: (asking = new AbortController()).signal });
  if (locks) queue();
  else begin();
  return {
    /** Lead from now on: whoever leads does not get through. */
    take() {
      if (!locks || leads || left) return;
      asking.abort();
      ask({ steal: true });
    },
    /** @param {Message} message */
    tell(message) {
      if (!left) channel?.postMessage(message);
    },
    leave() {
      left = true;
      asking.abort();
      end();
      if (channel) channel.onmessage = null;
      channel?.close();
    },
  };
}
