import { h } from "../../kit/dom.js";
import { age, percent, stopwatch } from "../../kit/format.js";
import { bar } from "../../parts/bar.js";
import { button } from "../../parts/button.js";

/** @import { State } from "../../types.js" */
/** @import { InvestigationProgress } from "../../../client/index.js" */
/** @type {Record<string, string>} */
const TONES = { ERROR: "error", COMPLETED: "done", CANCELLED: "pending" };
/** @param {string} name @param {string} value */
const fact = (name, value) => h("div", { key: name }, h("dt", null, name), h("dd", { dir: "auto", title: value }, value));

/**
 * How far the whole is, and since when.
 * @param {State} server @param {InvestigationProgress} progress @param {string | null} ended @param {false | (() => unknown)} cancel
 */
export function overall(server, { overall_progress: at = 0, current_phase: phase, started_at: started }, ended, cancel) {
  const tone = TONES[server.status] ?? (server.stalled ? "waiting" : "running");
  const elapsed = started ? ((ended ? Date.parse(ended) : Date.now()) - Date.parse(started)) / 1000 : null;
  return h("section", { class: "overall", "aria-label": "Overall" },
    h("b", { class: "figure" }, percent(at)), bar(at, { label: "Overall progress", tone }),
    h("dl", { class: "facts" },
      phase && !ended && fact("phase", phase),
      elapsed !== null && fact("elapsed", stopwatch(elapsed)),
      !ended && fact("last report", age(server.updated_at))),
    cancel && button("Cancel investigation", cancel, { class: "danger wide" }));
}
