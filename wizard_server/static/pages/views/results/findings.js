import { h } from "../../kit/dom.js";
import { count } from "../../kit/format.js";
import { button } from "../../parts/button.js";
import { copyButton } from "../../parts/copy.js";
import { severity } from "../../parts/mark.js";
import { search } from "../../parts/search.js";
import { tree } from "../../parts/tree.js";

/** @import { App } from "../../types.js" */
/** @import { Finding } from "../../../client/index.js" */
const RANKS = ["low", "medium", "high", "critical"], FEW = 8;
/** @param {Finding} finding */
const levelOf = (finding) => String(finding.severity).toLowerCase();
/** @param {Finding} finding */
const rank = (finding) => RANKS.indexOf(levelOf(finding));
/** @param {Finding[]} findings */
export const sorted = (findings) => [...findings].sort((one, other) => rank(other) - rank(one) || other.confidence - one.confidence);

/** Findings by severity, one open at a time. @param {App} app */
export function createFindings(app) {
  let open = 0, level = "", text = "";

  /** @param {Finding} finding */
  const fits = (finding) => (!level || levelOf(finding) === level)
    && `${finding.title} ${finding.description}`.toLowerCase().includes(text.trim().toLowerCase());
  const toggle = (/** @type {number} */ index) => () => { open = open === index ? -1 : index; app.update(); };
  /** @param {{ level?: string, text?: string }} changes */
  const filter = (changes) => { ({ level = level, text = text } = changes); open = 0; app.update(); };
  /** @param {Finding[]} all */
  const levels = (all) => [...new Set(all.map(levelOf))].map((each) =>
    button(`${each} ${all.filter((one) => levelOf(one) === each).length}`, () => filter({ level: level === each ? "" : each }),
      { key: each, class: "small", "aria-pressed": String(level === each) }));

  return (/** @type {Finding[]} */ findings) => {
    const all = sorted(findings), shown = all.filter(fits), kinds = levels(all);
    return h("section", { class: "findings", "aria-label": "Findings" },
      h("header", { class: "heading" },
        h("h2", null, "Findings", h("span", { class: "quiet count" }, shown.length < all.length ? `${shown.length} of ${all.length}` : all.length)),
        kinds.length > 1 && h("div", { class: "actions" }, kinds),
        all.length > FEW && search("Filter findings", text, (typed) => filter({ text: typed }))),
      all.length ? h("ol", null, shown.map((finding, index) => one(app, finding, open === index, toggle(index))))
        : h("p", { class: "nothing quiet" }, "No findings: the tools found nothing that they would report."));
  };
}

/** @param {App} app @param {Finding} finding @param {boolean} isOpen @param {() => void} toggle */
function one(app, finding, isOpen, toggle) {
  const { title, description, confidence, evidence = [] } = finding;
  return h("li", { class: `finding ${isOpen ? "open" : ""}` },
    h("button", { type: "button", class: "title", "aria-expanded": String(isOpen), onclick: toggle },
      severity(finding.severity), h("b", { dir: "auto" }, title), h("span", { class: "quiet" }, `${Math.round(confidence * 100)} % sure`)),
    h("div", { class: "body", hidden: !isOpen }, h("p", { dir: "auto" }, description),
      evidence.length ? pieces(app, evidence) : h("p", { class: "quiet small" }, "No evidence was given.")));
}

/** @param {App} app @param {Finding["evidence"]} evidence */
const pieces = (app, evidence) => [
  h("div", { class: "heading" }, h("h3", null, count(evidence.length, "piece", "pieces"), " of evidence"),
    copyButton(app, "Copy as JSON", () => JSON.stringify(evidence, null, 2), "Evidence copied.")),
  evidence.map((piece, index) => h("div", { class: "piece", key: index }, tree(piece))),
];
