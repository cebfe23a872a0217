import { h } from "../../kit/dom.js";
import { number } from "../../kit/format.js";

/** @import { RiskScore } from "../../../client/index.js" */
/** @import { Render, RenderIf } from "../../types.js" */
const R = 80, CX = 100, CY = 96;
/** @param {number} share */
const point = (share) => {
  const angle = Math.PI * (1 - share);
  return `${(CX + R * Math.cos(angle)).toFixed(2)} ${(CY - R * Math.sin(angle)).toFixed(2)}`;
};
/** @param {number} from @param {number} to */
const arc = (from, to) => `M${point(from)}A${R} ${R} 0 0 1 ${point(to)}`;
/** @type {[level: string, from: number, to: number][]} */
const BANDS = [["low", 0, 0.25], ["medium", 0.25, 0.5], ["high", 0.5, 0.75], ["critical", 0.75, 1]];

/** The score at one glance: a half circle, its number and its word. @type {Render<RiskScore>} */
export const gauge = ({ overall_score: score, risk_level: level }) => {
  const at = Math.max(0, Math.min(100, score)) / 100;
  return h("figure", { class: `gauge ${level}` },
    h("svg", { viewBox: "0 0 200 108", role: "img", "aria-label": `Risk ${number(score)} of 100, ${level}` },
      BANDS.map(([name, from, to]) => h("path", { d: arc(from + 0.006, to - 0.006), class: `track ${name}` })),
      at > 0.005 && h("path", { d: arc(0, at), class: `value ${level}` }),
      h("text", { x: CX, y: 86, class: "number" }, number(score)), h("text", { x: CX, y: 104, class: "of" }, "of 100")),
    h("figcaption", null, h("b", null, level), " risk"));
};

/** @type {RenderIf<RiskScore["category_scores"]>} */
export const categories = (scores) => {
  const list = Object.entries(scores).sort(([, one], [, other]) => other - one);
  return list.length ? h("section", { class: "categories", "aria-label": "Scores by category" },
    h("h2", null, "By category"), h("ul", null, list.map(([name, score]) => category(name, score)))) : null;
};

/** @param {string} name @param {number} score */
function category(name, score) {
  const level = Math.min(4, Math.floor(score / 25) + 1), style = { "--at": `${Math.max(0, Math.min(100, score))}%` };
  return h("li", { key: name }, h("span", { dir: "auto", title: name }, name),
    h("div", { class: `bar level-${level}`, "aria-hidden": "true", style }, h("i")), h("b", null, number(score)));
}
