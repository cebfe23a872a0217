import { h } from "../../kit/dom.js";
import { percent, stopwatch } from "../../kit/format.js";
import { bar } from "../../parts/bar.js";
import { mark } from "../../parts/mark.js";

const KINDS = { pending: "pending", running: "running", completed: "done", error: "error" };
const seconds = (from, to) => (Date.parse(to) - Date.parse(from)) / 1000;

function times(phase, started, now) {
  if (!phase.started_at) return phase.status === "pending" ? "waits" : "";
  const from = started ? Math.max(0, seconds(started, phase.started_at)) : 0;
  return phase.completed_at ? `${stopwatch(from)}–${stopwatch(seconds(started ?? phase.started_at, phase.completed_at))}` : `${stopwatch(from)}–${now ? stopwatch(seconds(started ?? phase.started_at, now)) : ""}`;
}

/** The phases as a timeline: each where it begins and ends in the time elapsed. */
export function phases({ phases: list = [], started_at: started }, now, running) {
  if (!list.length) return null;
  return h("section", { class: "phases", "aria-label": "Phases" }, h("h2", null, "Phases"), h("ol", null, list.map((phase) => {
    const known = KINDS[phase.status] ?? "pending", kind = known === "running" && !running ? "cancelled" : known;
    return h("li", { key: phase.phase_name, class: kind },
      mark(kind), h("b", { dir: "auto" }, phase.phase_name), h("span", { class: "visually-hidden" }, phase.status),
      bar(phase.progress, { label: `Phase ${phase.phase_name}`, tone: kind, slim: true }),
      h("span", { class: "percent" }, phase.status === "pending" ? "" : percent(phase.progress)),
      h("span", { class: "quiet small times" }, times(phase, started, now)));
  })));
}
