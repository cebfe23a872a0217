import { h } from "../../kit/dom.js";
import { count } from "../../kit/format.js";
import { copyButton } from "../../parts/copy.js";
import { severity } from "../../parts/mark.js";
import { tree } from "../../parts/tree.js";

const RANKS = ["low", "medium", "high", "critical"];
export const rank = (finding) => RANKS.indexOf(String(finding.severity).toLowerCase());
export const sorted = (findings) => [...findings].sort((one, other) => rank(other) - rank(one) || other.confidence - one.confidence);

/** Findings by severity, one open at a time. */
export function createFindings(app) {
  let open = 0, level = "", text = "";
  return (findings) => {
    const all = sorted(findings), wanted = text.trim().toLowerCase();
    const shown = all.filter((each) => (!level || String(each.severity).toLowerCase() === level) && (!wanted || `${each.title} ${each.description}`.toLowerCase().includes(wanted)));
    const levels = [...new Set(all.map((each) => String(each.severity).toLowerCase()))];
    return h("section", { class: "findings", "aria-label": "Findings" },
      h("header", { class: "heading" }, h("h2", null, "Findings", h("span", { class: "quiet count" }, shown.length === all.length ? String(all.length) : `${shown.length} of ${all.length}`)),
        levels.length > 1 && h("div", { class: "actions" }, levels.map((each) => h("button", { key: each, type: "button", class: "small", "aria-pressed": String(level === each), onclick: () => { level = level === each ? "" : each; open = 0; app.update(); } },
          `${each} ${all.filter((one) => String(one.severity).toLowerCase() === each).length}`))),
        all.length > 8 && h("input", { type: "search", placeholder: "Filter findings", "aria-label": "Filter findings", value: text, oninput: (event) => { text = event.target.value; app.update(); } })),
      all.length ? h("ol", null, shown.map((finding, index) => one(app, finding, open === index, () => { open = open === index ? -1 : index; app.update(); }))) : h("p", { class: "nothing quiet" }, "No findings: the tools found nothing that they would report."));
  };
}

function one(app, finding, isOpen, toggle) {
  const { title, description, confidence, evidence = [] } = finding;
  return h("li", { class: `finding ${isOpen ? "open" : ""}` },
    h("button", { type: "button", class: "title", "aria-expanded": String(isOpen), onclick: toggle },
      severity(finding.severity), h("b", { dir: "auto" }, title), h("span", { class: "quiet" }, `${Math.round(confidence * 100)} % sure`)),
    h("div", { class: "body", hidden: !isOpen },
      h("p", { dir: "auto" }, description),
      evidence.length ? [h("div", { class: "heading" }, h("h3", null, count(evidence.length, "piece", "pieces"), " of evidence"), copyButton(app, "Copy as JSON", () => JSON.stringify(evidence, null, 2), "Evidence copied.")),
        evidence.map((piece, index) => h("div", { class: "piece", key: index }, tree(piece)))] : h("p", { class: "quiet small" }, "No evidence was given.")));
}
