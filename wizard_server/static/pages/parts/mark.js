import { h } from "../kit/dom.js";

/** @import { Props, Render, Status, Step } from "../types.js" */

/** One shape for each meaning, so that colour never stands alone. @type {Record<string, [tag: string, props: Props][]>} */
const SHAPES = {
  draft: [["circle", { cx: 8, cy: 8, r: 5, fill: "none", "stroke-dasharray": "2.2 1.8" }]],
  pending: [["circle", { cx: 8, cy: 8, r: 5, fill: "none" }]],
  running: [["path", { d: "M5 3.5 12.5 8 5 12.5Z", class: "solid" }]],
  done: [["path", { d: "M3 8.5 6.5 12 13 4.5", fill: "none" }]],
  error: [["path", { d: "M8 1.8 14.5 13.5H1.5Z", fill: "none" }], ["path", { d: "M8 6v3.6M8 11.6v.2", fill: "none" }]],
  waiting: [["path", { d: "M5.5 3.5v9M10.5 3.5v9", fill: "none" }]],
  cancelled: [["circle", { cx: 8, cy: 8, r: 5.5, fill: "none" }], ["path", { d: "M4.2 11.8 11.8 4.2", fill: "none" }]],
};

/** @type {Render<string>} */
export const mark = (kind) =>
  h("svg", { class: `mark ${kind}`, viewBox: "0 0 16 16", "aria-hidden": "true" }, (SHAPES[kind] ?? SHAPES.pending)?.map(([tag, props]) => h(tag, props)));

/** How an investigation stands, in one word and one mark. @param {{ status: Status, wizard_step: Step, stalled?: boolean }} state */
export function standing({ status, wizard_step: step, stalled }) {
  if (status === "COMPLETED") return { kind: "done", word: "Completed" };
  if (status === "ERROR") return { kind: "error", word: "Failed" };
  if (status === "CANCELLED") return { kind: "cancelled", word: "Cancelled" };
  if (step === "SETTINGS") return { kind: "draft", word: "Draft" };
  if (stalled) return { kind: "waiting", word: "Stalled" };
  return { kind: "running", word: "Running" };
}

/** @type {Render<ReturnType<typeof standing>>} */
export const chip = ({ kind, word }) => h("span", { class: `chip ${kind}` }, mark(kind), word);

/** @type {Render<unknown>} */
export const severity = (level) => {
  const known = ["low", "medium", "high", "critical"].indexOf(String(level).toLowerCase()) + 1;
  return h("span", { class: `severity level-${known}` },
    h("svg", { viewBox: "0 0 18 12", "aria-hidden": "true" }, [1, 2, 3, 4].map((step) =>
      h("rect", { x: (step - 1) * 4.6, y: 10 - step * 2.4, width: 3.4, height: 2 + step * 2.4, class: step <= known ? "on" : "off" }))),
    String(level || "unrated"));
};
