import { h } from "../../kit/dom.js";
import { percent, stopwatch } from "../../kit/format.js";
import { bar } from "../../parts/bar.js";
import { mark } from "../../parts/mark.js";

/** @import { InvestigationProgress, PhaseStatus } from "../../../client/index.js" */
/** @typedef {{ started: string | undefined, now: string, total: number, running: boolean }} Span */
/** @type {Record<string, string>} */
const KINDS = { pending: "pending", running: "running", completed: "done", error: "error" };
/** @param {string} from @param {string} to */
const seconds = (from, to) => (Date.parse(to) - Date.parse(from)) / 1000;

/** @param {PhaseStatus} phase @param {Span} span */
function times(phase, { started, now, running }) {
  if (phase.status === "pending") return running ? "waits" : "not run";
  if (!phase.started_at) return "";
  const from = started ? Math.max(0, seconds(started, phase.started_at)) : 0;
  return `${stopwatch(from)}–${stopwatch(seconds(started ?? phase.started_at, phase.completed_at ?? now))}`;
}

/**
 * Where a phase lies in `total` seconds, as shares; the whole of it where nobody said when it began.
 * @param {PhaseStatus} phase @param {Span} span @returns {Record<string, string>}
 */
function place(phase, { started, now, total }) {
  if (!started || !phase.started_at || !(total > 0)) return { "--from": "0%", "--length": "100%" };
  const from = Math.min(1, Math.max(0, seconds(started, phase.started_at) / total));
  const to = Math.min(1, Math.max(from, seconds(started, phase.completed_at ?? now) / total));
  return { "--from": share(from), "--length": share(to - from) };
}

/** @param {number} part */
const share = (part) => `${(100 * part).toFixed(2)}%`;

/**
 * The phases as a timeline: the bar of each lies where the phase lies in the time elapsed.
 * @param {InvestigationProgress} progress @param {string} now @param {boolean} running
 */
export function phases({ phases: list = [], started_at: given }, now, running) {
  if (!list.length) return null;
  const started = given ?? list.find((phase) => phase.started_at)?.started_at;
  const total = started ? seconds(started, now) : 0;
  return h("section", { class: "phases", "aria-label": "Phases" }, h("h2", null, "Phases"),
    h("ol", null, list.map((phase) => line(phase, { started, now, total, running })), total > 0 && axis(total)));
}

/** @param {PhaseStatus} phase @param {Span} span */
function line(phase, span) {
  const { phase_name: name, status, progress } = phase, known = KINDS[status] ?? "pending";
  const kind = known === "running" && !span.running ? "cancelled" : known;
  return h("li", { key: name, class: kind },
    mark(kind), h("b", { dir: "auto", title: name }, name), h("span", { class: "visually-hidden" }, status),
    h("div", { class: "span", style: place(phase, span) }, bar(progress, { label: `Phase ${name}`, tone: kind })),
    h("span", { class: "percent" }, status === "pending" ? "" : percent(progress)),
    h("span", { class: "quiet small times" }, times(phase, span)));
}

/** @param {number} total */
const axis = (total) => h("li", { key: "axis", class: "axis quiet", "aria-hidden": "true" },
  h("div", { class: "span" }, [0, 0.5, 1].map((part) => h("span", null, stopwatch(part * total)))));
