import { h } from "../kit/dom.js";

/** @import { Message } from "../types.js" */

const SHOWN_MS = 6000;

/** What happened, at the foot of the page and to screen readers; one of them may be undone. @param {() => void} changed */
export function createMessages(changed) {
  let list = /** @type {(Message & { id: number, text: string })[]} */ ([]), next = 1;
  /** @param {number} id */
  const drop = (id) => { list = list.filter((each) => each.id !== id); changed(); };
  return {
    /** @param {string} text @param {Message} [how] */
    say(text, { tone = "", action, run, lasts = SHOWN_MS } = {}) {
      const id = next++;
      list = [...list.filter((each) => each.text !== text), { id, text, tone, action, run }].slice(-4);
      if (lasts) setTimeout(() => drop(id), lasts);
      changed();
      return () => drop(id);
    },
    /** Do what the newest message offers. */
    act() {
      const offered = list.findLast((each) => each.action);
      if (offered) { drop(offered.id); offered.run?.(); }
    },
    view: () => h("div", { class: "messages", role: "status", "aria-live": "polite" }, list.map(({ id, text, tone, action, run }) =>
      h("div", { key: id, class: `message ${tone}` }, h("span", { dir: "auto" }, text),
        action && h("button", { type: "button", onclick: () => { drop(id); run?.(); } }, action),
        h("button", { type: "button", class: "plain", "aria-label": "Dismiss", onclick: () => drop(id) }, "✕")))),
  };
}
