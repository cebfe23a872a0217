import { h } from "../../kit/dom.js";
import { count, duration, exact, number } from "../../kit/format.js";
import { button } from "../../parts/button.js";
import { select } from "../../parts/select.js";
import { createPages } from "./pages.js";
import { inRuns } from "./runs.js";
import { inWords, over } from "./words.js";

/** @import { App, Child, Entry, Handler, Props, Render } from "../../types.js" */
/** @typedef {(version: number) => void} Show */
const ACTIONS = [["", "everything"], ["STATE_CHANGE", "changes"], ["PROGRESS_UPDATED", "progress"],
  ["STATE_CREATED", "creation"], ["TEMPLATE_APPLIED", "templates"]];
const SOURCES = [["", "every source"], ["USER", "by hand"], ["SYSTEM", "agents"], ["WEBSOCKET", "WebSocket"], ["POLLING", "polling"]];

/** Who did what, when; a run of reports is one entry that opens. @param {App} app @param {string} id */
export function createTrail(app, id) {
  const pages = createPages(app, id), opened = /** @type {Set<string>} */ (new Set());

  /** @param {Entry[]} run @param {boolean} isOpen */
  function toggle(run, isOpen) {
    for (const { entry_id: entry } of run) isOpen ? opened.delete(entry) : opened.add(entry);
    app.update();
  }

  /** @param {Entry[]} run @param {number} at @param {Show} show @returns {Child} */
  function group(run, at, show) {
    if (run.length === 1) return run.map((entry) => entryView(entry, at, show));
    const isOpen = run.some(({ entry_id: entry }) => opened.has(entry));
    const goesOn = run.at(-1) === pages.entries.at(-1) && pages.entries.length < pages.total;
    const one = runView(run, { at, isOpen, goesOn, onclick: () => toggle(run, isOpen) });
    return [one, isOpen ? run.map((entry) => entryView(entry, at, show, "of-run")) : []];
  }

  return {
    get entries() { return pages.entries; },
    follow: pages.follow,
    /** @param {number} at @param {Show} show */
    view: (at, show) => h("section", { class: "trail", "aria-label": "Trail" },
      h("div", { class: "heading" }, h("h2", null, "Trail", h("span", { class: "quiet count" }, number(pages.total))),
        h("div", { class: "actions" },
          select("Action", pages.filter.action_type, ACTIONS, (action_type) => pages.choose({ action_type })),
          select("Source", pages.filter.source, SOURCES, (source) => pages.choose({ source })))),
      pages.error && h("p", { class: "banner waiting" }, pages.error),
      pages.ready && h("ol", null, inRuns(pages.entries).map((run) => group(run, at, show))),
      pages.entries.length < pages.total && pages.ready
        && button(`Load more (${number(pages.entries.length)} of ${number(pages.total)})`, pages.more)),
  };
}

/** @typedef {Props & { kind?: string | undefined, entry: Entry, isNow: boolean, words: string, facts: Child }} Row */
/** @type {Render<Row>} */
const row = ({ key, kind = "", entry, isNow, words, facts, ...props }) => h("li", { key, class: isNow ? `${kind} now` : kind },
  h("button", { type: "button", ...props },
    h("i", { class: entry.action_type.toLowerCase(), "aria-hidden": "true" }),
    h("span", null, h("b", null, h("bdi", null, entry.user_id)), " ", words), h("span", { class: "quiet small" }, facts)));

/** @param {Entry} entry @param {number} at @param {Show} show @param {string} [kind] */
const entryView = (entry, at, show, kind) => row({
  key: entry.entry_id, kind, entry, isNow: entry.version === at, words: inWords(entry), disabled: !entry.version,
  onclick: () => show(entry.version ?? at),
  facts: [entry.version ? `version ${entry.version} · ` : "", over(entry.source), " · ",
    h("time", { datetime: entry.timestamp }, exact(entry.timestamp))],
});

/** @param {Entry[]} run @param {{ at: number, isOpen: boolean, goesOn: boolean, onclick: Handler }} how */
function runView(run, { at, isOpen, goesOn, onclick }) {
  const [newest, oldest] = /** @type {[Entry, Entry]} */ ([run[0], run.at(-1)]);
  const seconds = (Date.parse(newest.timestamp) - Date.parse(oldest.timestamp)) / 1000;
  return row({
    key: `run ${oldest.entry_id}`, entry: newest, onclick, "aria-expanded": String(isOpen),
    isNow: !isOpen && Number(oldest.version) <= at && at <= Number(newest.version),
    words: `reported progress, ${goesOn ? "at least " : ""}${count(run.length, "report")} in ${duration(seconds)}`,
    facts: [`versions ${oldest.version} to ${newest.version} · `, over(newest.source), " · ", h("u", null, isOpen ? "close" : "expand")],
  });
}
