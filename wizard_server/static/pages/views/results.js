import { h } from "../kit/dom.js";
import { ago, duration } from "../kit/format.js";
import { button } from "../parts/button.js";
import { asCsv, asJson } from "./results/exports.js";
import { createFindings } from "./results/findings.js";
import { categories, gauge } from "./results/gauge.js";
import { summaries } from "./results/summaries.js";
import { visualizations } from "./results/visualizations.js";

/** @import { App, Here, Render, Status } from "../types.js" */
/** @import { InvestigationProgress, InvestigationResults, RiskScore } from "../../client/index.js" */

/** What the investigation found. @param {App} app @param {Here} here */
export function createResults(app, here) {
  const findings = createFindings(app);

  const anew = () => here.ask({
    title: "New run", action: "Back to settings",
    text: "Back to the settings. This run's progress and results leave the page; the history keeps them.",
    async run() {
      await here.update({ wizard_step: "SETTINGS" });
      here.go("settings");
    },
  });

  const actions = () => h("div", { class: "actions no-print" },
    button("Export JSON", () => asJson(here)), button("Export CSV", () => asCsv(here)), button("Print", () => print()),
    here.isMine && button("New run", anew));

  return {
    keys: () => (here.state.results ? { e: { where: "page", does: "export as JSON", run: () => asJson(here) } } : {}),
    view() {
      const { results, status, settings, progress } = here.state;
      if (!results) return none(here, status);
      return [
        status === "ERROR" && h("p", { class: "banner error" }, "The investigation failed; these results are what there was until then."),
        verdict(results.risk_score),
        h("div", { class: "heading bar-of-actions" },
          h("p", { class: "quiet small" }, "Completed ", ago(results.completed_at), took(progress, results)), actions()),
        findings(results.findings ?? []),
        summaries(results.entity_summaries, settings),
        visualizations(results.visualizations),
      ];
    },
  };
}

/** @type {Render<RiskScore | undefined>} */
const verdict = (score) => h("section", { class: "verdict" },
  score ? [gauge(score), categories(score.category_scores)] : h("p", { class: "nothing quiet" }, "No score was given."));

/** @param {InvestigationProgress | undefined} progress @param {InvestigationResults} results */
const took = (progress, results) => {
  const seconds = (Date.parse(results.completed_at) - Date.parse(progress?.started_at ?? "")) / 1000;
  return seconds >= 0 ? ` after ${duration(seconds)}` : ""; // the clocks of agents may differ
};

/** @type {Partial<Record<Status, string>>} */
const WITHOUT = {
  CANCELLED: "The investigation was cancelled before there were results.",
  ERROR: "The investigation failed and left no results.",
};

/** @param {Here} here @param {Status} status */
function none(here, status) {
  const begins = here.server.wizard_step === "SETTINGS";
  return h("section", { class: "empty" },
    h("p", null, WITHOUT[status] ?? "No results yet. They appear here when the agents are done."),
    h("a", { class: "button primary", href: here.path(begins ? "settings" : "progress") }, begins ? "Settings" : "Progress"));
}
