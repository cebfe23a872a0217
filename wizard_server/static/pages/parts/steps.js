import { h } from "../kit/dom.js";
import { mark } from "./mark.js";

/** @import { App, Here, State, Step } from "../types.js" */

/** @type {Step[]} */
const STEPS = ["SETTINGS", "PROGRESS", "RESULTS"];
const TITLES = { SETTINGS: "Settings", PROGRESS: "Progress", RESULTS: "Results" };

/** Why a step cannot be entered; empty where it can. @param {State} state @param {Step} step */
function closed(state, step) {
  const at = STEPS.indexOf(state.wizard_step), to = STEPS.indexOf(step);
  if (to <= at) return "";
  if (step === "PROGRESS") return "opens when the investigation starts";
  if (state.status === "CANCELLED") return "cancelled before there were any";
  if (state.status === "ERROR") return "failed before there were any";
  return at === 0 ? "opens when the investigation is done" : "opens when the agents are done";
}

/** Where the investigation stands, and where one may go. @param {App} app @param {Here} here @param {string} tab */
export function steps(app, { server, path }, tab) {
  const at = STEPS.indexOf(server.wizard_step);
  /** @param {number} index */
  const kind = (index) => index < at || (index === at && server.status === "COMPLETED") ? "done"
    : index > at ? "pending" : server.status === "ERROR" ? "error" : server.status === "CANCELLED" ? "cancelled" : index === 1 ? "running" : "draft";
  return h("nav", { class: "steps", "aria-label": "Steps" }, h("ol", null, STEPS.map((step, index) => {
    const name = /** @type {Lowercase<Step>} */ (step.toLowerCase()), why = closed(server, step), current = tab === name;
    const inner = [mark(kind(index)), h("span", null, TITLES[step], index === at ? h("span", { class: "visually-hidden" }, " (where it stands)") : null)];
    return h("li", { key: step, class: index === at ? "at" : "" }, why
      ? h("span", { class: "step", "aria-disabled": "true", title: why, onclick: () => app.say(`${TITLES[step]} ${why}.`) },
        inner, h("small", { class: "why" }, why))
      : h("a", { class: "step", href: path(name), "aria-current": current ? "step" : null }, inner));
  })), h("a", { class: "step history", href: path("history"), "aria-current": tab === "history" ? "page" : null }, "History"));
}
