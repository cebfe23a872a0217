import { h } from "../../kit/dom.js";
import { button } from "../../parts/button.js";
import { mark } from "../../parts/mark.js";

/** @type {[kind: string, title: string, text: string][]} */
const JOB = [
  ["draft", "Settings", "Name what you suspect, whom it concerns, when, and which tools should look."],
  ["running", "Progress", "Agents work through their phases; each line that they write is here within milliseconds."],
  ["done", "Results", "A score, findings with their evidence, and the way to them, version by version."],
];

/** What one sees before the first investigation. @type {import("../../types.js").Render<() => unknown>} */
export const empty = (create) => h("section", { class: "empty wide" },
  h("p", null, "Nothing investigated yet. The first step is a name."),
  h("ol", { class: "job" }, JOB.map(([kind, title, text]) => h("li", { key: kind }, h("h2", null, mark(kind), title), h("p", { class: "quiet" }, text)))),
  button("New investigation", () => create(), { class: "primary" }));
