import { h } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { button } from "../../parts/button.js";
import { copyButton } from "../../parts/copy.js";
import { chip, standing } from "../../parts/mark.js";

/** @import { App, Entry, Past, Props } from "../../types.js" */
const MOST_TICKS = 400;

/**
 * Through all versions: to the one before, the one after, any, or the newest. `state` is that of version `at`, null while it loads.
 * @param {App} app
 * @param {{ at: number, newest: number, state: Past | null, entries: Entry[], show(version: number): void, link(): string }} given
 */
export function slider(app, { at, newest, state, entries, show, link }) {
  /** @param {string} text @param {number} version @param {Props} [props] */
  const small = (text, version, props) => button(text, () => show(version), { class: "small", ...props });
  return h("section", { class: "slider", "aria-label": "Versions" },
    h("div", { class: "heading" },
      h("h2", null, `Version ${number(at)}`, h("span", { class: "quiet count" }, `of ${number(newest)}`)),
      state && state.missing === undefined && chip(standing(state)),
      h("div", { class: "actions" },
        small("◂", at - 1, { disabled: at <= 1, "aria-label": "One version back" }),
        small("▸", at + 1, { disabled: at >= newest, "aria-label": "One version on" }),
        at < newest && small("Newest", newest),
        copyButton(app, "Copy link", link, "Link copied."))),
    h("input", {
      type: "range", min: "1", max: String(newest), value: String(at), "aria-label": "Version",
      "aria-valuetext": `version ${at} of ${newest}`, oninput: (event) => show(Number(event.target.value)),
    }),
    newest <= MOST_TICKS && h("div", { class: "ticks", "aria-hidden": "true" }, entries.filter(({ version }) => version).map((entry) =>
      h("i", { key: entry.entry_id, class: entry.action_type.toLowerCase(), style: { "--at": share(entry.version ?? 1, newest) } }))));
}

/** @param {number} version @param {number} newest */
const share = (version, newest) => String(newest > 1 ? (version - 1) / (newest - 1) : 0);
