import { h } from "../kit/dom.js";
import { ago, duration } from "../kit/format.js";
import { csv, download } from "../kit/download.js";
import { tree } from "../parts/tree.js";
import { createFindings, sorted } from "./results/findings.js";
import { categories, gauge } from "./results/gauge.js";
import { visualizations } from "./results/visualizations.js";

/** What the investigation found. */
export function createResults(app, here) {
  const findings = createFindings(app);

  const name = () => `${here.id}-results`;
  const asJson = () => download(`${name()}.json`, JSON.stringify({ investigation_id: here.id, settings: here.state.settings, results: here.state.results }, null, 2), "application/json");
  const asCsv = () => download(`${name()}.csv`, csv([["severity", "confidence", "title", "description", "evidence"], ...sorted(here.state.results.findings).map((each) => [each.severity, each.confidence, each.title, each.description, each.evidence])]), "text/csv");
  const anew = () => here.ask({ title: "New run", text: "Back to the settings. This run's progress and results leave the page; the history keeps them.", action: "Back to settings",
    run: async () => { await here.update({ wizard_step: "SETTINGS" }); here.go("settings"); } });

  return {
    keys: () => (here.state.results ? { e: { where: "page", does: "export as JSON", run: asJson } } : {}),
    view() {
      const { results, status, settings, progress } = here.state;
      if (!results) return none(here, status);
      const took = progress?.started_at ? ` after ${duration((Date.parse(results.completed_at) - Date.parse(progress.started_at)) / 1000)}` : "";
      return [
        status === "ERROR" && h("p", { class: "banner error" }, "The investigation failed; these results are what there was until then."),
        h("section", { class: "verdict" }, results.risk_score ? [gauge(results.risk_score), categories(results.risk_score.category_scores)] : h("p", { class: "nothing quiet" }, "No score was given.")),
        h("div", { class: "heading bar-of-actions" }, h("p", { class: "quiet small" }, "Completed ", ago(results.completed_at), took),
          h("div", { class: "actions no-print" }, h("button", { type: "button", onclick: asJson }, "Export JSON"), h("button", { type: "button", onclick: asCsv }, "Export CSV"), h("button", { type: "button", onclick: () => print() }, "Print"), here.isMine && h("button", { type: "button", onclick: anew }, "New run"))),
        findings(results.findings ?? []),
        summaries(results.entity_summaries, settings),
        visualizations(results.visualizations),
      ];
    },
  };
}

function summaries(given, settings) {
  const list = Object.entries(given ?? {});
  if (!list.length) return null;
  const known = new Map((settings?.entities ?? []).map((entity) => [entity.entity_id, entity]));
  return h("section", { class: "entities-found" }, h("h2", null, "Entities", h("span", { class: "quiet count" }, String(list.length))), h("ul", { class: "cards" }, list.map(([id, summary]) =>
    h("li", { key: id, class: "card" }, h("h3", { class: "mono" }, h("bdi", null, id)), known.has(id) && h("p", { class: "quiet small" }, known.get(id).entity_type, known.get(id).name && [" · ", h("bdi", null, known.get(id).name)]),
      h("dl", { class: "pairs" }, Object.entries(summary).map(([name, value]) => [h("dt", null, name.replaceAll("_", " ")), h("dd", { dir: "auto" }, value && typeof value === "object" ? tree(value) : String(value))]))))));
}

const none = (here, status) => h("section", { class: "empty" },
  h("p", null, status === "CANCELLED" ? "The investigation was cancelled before there were results." : status === "ERROR" ? "The investigation failed and left no results." : "No results yet. They appear here when the agents are done."),
  h("a", { class: "button primary", href: here.path(here.server.wizard_step === "SETTINGS" ? "settings" : "progress") }, here.server.wizard_step === "SETTINGS" ? "Settings" : "Progress"));
