import { h } from "../../kit/dom.js";
import { ago, count, duration, percent, secondsSince } from "../../kit/format.js";
import { bar } from "../../parts/bar.js";
import { button } from "../../parts/button.js";
import { chip, severity, standing } from "../../parts/mark.js";

/** @import { App, Child, Summary } from "../../types.js" */
/** @typedef {(summary: Summary) => unknown} Act */

/**
 * One investigation of the list: what it is, how it stands, and what to do with it.
 * @param {App} app @param {Summary} summary @param {{ duplicate: Act, remove: Act }} acts
 */
export function row(app, summary, { duplicate, remove }) {
  const { investigation_id: id, name: given, stalled, updated_at: at } = summary, stands = standing(summary);
  const running = summary.wizard_step === "PROGRESS" && summary.status === "IN_PROGRESS", name = given ?? "Untitled draft";
  /** @param {string} text @param {Act} run @param {string} [title] */
  const act = (text, run, title) => button(text, () => run(summary), { class: "plain small", title, "aria-label": `${text} ${name}` });
  return h("li", { key: id, class: `row ${stands.kind}` },
    h("div", { class: "name" },
      h("a", { href: app.href(`/investigations/${id}`), dir: "auto", class: given ? "" : "quiet" }, name), facts(app, summary)),
    h("div", { class: "stands" }, chip(stands)),
    h("div", { class: "how" }, how(summary, { name, running, kind: stands.kind })),
    h("div", { class: "phase quiet" },
      running ? stalled ? `no report for ${duration(secondsSince(at))}` : summary.current_phase ?? "" : ""),
    h("div", { class: "when quiet" }, ago(at)),
    h("div", { class: "acts" }, act("Duplicate", duplicate, "A new draft with these settings"), act("Delete", remove)));
}

/** @param {App} app @param {Summary} summary */
const facts = (app, { entity_count: entities, investigation_id: id, user_id: owner }) => h("p", { class: "quiet small" },
  entities != null && h("span", null, count(entities, "entity", "entities")), h("span", { class: "mono id" }, id),
  owner !== app.session.user && h("bdi", { class: "owner" }, owner));

/**
 * How far it is, or what it came to.
 * @param {Summary} summary @param {{ name: string, running: boolean, kind: string }} how @returns {Child}
 */
function how({ overall_progress: at, risk_score: risk, status, stalled }, { name, running, kind }) {
  /** @param {string} tone @param {string} [quiet] */
  const progress = (tone, quiet) => [bar(at, { label: `Progress of ${name}`, tone }), h("b", { class: quiet }, percent(at))];
  if (running) return progress(stalled ? "waiting" : "running");
  if (risk) return [h("b", { class: "score" }, risk.overall_score.toFixed(1)), severity(risk.risk_level)];
  return (status === "ERROR" || status === "CANCELLED") && at != null ? progress(kind, "quiet") : null;
}
