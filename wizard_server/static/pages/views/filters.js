import { h } from "../kit/dom.js";
import { load, save } from "../kit/keep.js";
import { standing } from "../parts/mark.js";
import { search } from "../parts/search.js";
import { select } from "../parts/select.js";

/** @import { App, Child, Summary } from "../types.js" */
/** @typedef {{ text: string, stands: string, since: string, sort: string }} Wanted */
/** @type {Wanted} */
const NOTHING = { text: "", stands: "", since: "", sort: "updated" };
const SINCE = { "": "any time", "1": "last 24 h", "7": "last 7 d", "30": "last 30 d" };
const STANDS = ["Draft", "Running", "Stalled", "Completed", "Failed", "Cancelled"];
/** @type {Record<string, [text: string, order: (a: Summary, b: Summary) => number]>} */
const SORTS = {
  updated: ["last change", (a, b) => b.updated_at.localeCompare(a.updated_at)],
  created: ["newest", (a, b) => b.created_at.localeCompare(a.created_at)],
  name: ["name", (a, b) => (a.name ?? "\uffff").localeCompare(b.name ?? "\uffff")],
  risk: ["risk", (a, b) => (b.risk_score?.overall_score ?? -1) - (a.risk_score?.overall_score ?? -1)],
  progress: ["progress", (a, b) => (b.overall_progress ?? -1) - (a.overall_progress ?? -1)],
};

/** What of the list is shown; kept in this browser. @param {App} app */
export function createFilters(app) {
  /** @type {Wanted} */
  let wanted = { ...NOTHING, ...load("filters"), text: "" };
  /** @param {Partial<Wanted>} changes */
  function set(changes) {
    wanted = { ...wanted, ...changes };
    save("filters", wanted);
    app.update();
  }
  return {
    get wanted() { return wanted; },
    set,
    clear: () => set({ ...NOTHING, sort: wanted.sort }),
    /** @param {Summary[]} rows */
    of(rows) {
      const text = wanted.text.trim().toLowerCase();
      const oldest = wanted.since ? Date.now() - Number(wanted.since) * 86_400_000 : 0;
      return rows.filter((row) =>
        (!text || [row.name, row.investigation_id, row.user_id, row.description].some((each) => each?.toLowerCase().includes(text))) &&
        (!wanted.stands || standing(row).word === wanted.stands) && Date.parse(row.updated_at) >= oldest)
        .sort((SORTS[wanted.sort] ?? SORTS.updated)?.[1]);
    },
  };
}

/** @param {ReturnType<typeof createFilters>} filters @param {Child[]} more */
export function filterBar({ wanted, set }, ...more) {
  /** @param {keyof Wanted} name @param {string} label @param {string[][]} options */
  const choice = (name, label, options) => select(label, wanted[name], options, (value) => set({ [name]: value }));
  return h("div", { class: "filters", role: "search" },
    search("Search name or id", wanted.text, (text) => set({ text })),
    choice("stands", "Status", [["", "every status"], ...STANDS.map((each) => [each, each])]),
    choice("since", "Changed", Object.entries(SINCE)),
    choice("sort", "Sorted by", Object.entries(SORTS).map(([value, [text]]) => [value, `by ${text}`])),
    more);
}
