import { h } from "../../kit/dom.js";
import { number } from "../../kit/format.js";

/** @import { Series } from "../../types.js" */
const W = 420, H = 170, PAD = { left: 44, right: 8, top: 8, bottom: 22 }, COLOURS = 4;
/** @param {unknown} value */
const label = (value) =>
  (typeof value === "number" ? number(value) : String(value).replace(/^\d{4}-(\d\d-\d\d)T(\d\d:\d\d).*/, "$1 $2"));
/** @param {number} x @param {number} y @param {string} kind @param {string} content */
const text = (x, y, kind, content) => h("text", { x, y, class: kind }, content);

/**
 * Lines over one another, with a legend where they are several.
 * @param {string} name @param {[Series, ...Series[]]} series each of two points at least
 */
export function chart(name, series) {
  const ys = series.flatMap(([, points]) => points.map(([, y]) => y)), [[, first]] = series;
  const low = Math.min(0, ...ys), high = Math.max(...ys, low + 1), most = Math.max(...series.map(([, points]) => points.length));
  /** @param {number} index */
  const x = (index) => PAD.left + (index / (most - 1)) * (W - PAD.left - PAD.right);
  /** @param {number} value */
  const y = (value) => PAD.top + (1 - (value - low) / (high - low)) * (H - PAD.top - PAD.bottom);
  /** @param {number} value */
  const rule = (value) => [h("line", { x1: PAD.left, x2: W - PAD.right, y1: y(value), y2: y(value), class: "rule" }),
    text(PAD.left - 6, y(value) + 4, "tick end", number(value))];
  /** @param {Series[1]} points */
  const line = (points) => points.map(([, value], at) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  const range = `from ${number(Math.min(...ys))} to ${number(Math.max(...ys))}`;
  return h("figure", { class: "chart" },
    h("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": `${name}: ${range}` },
      [low, (low + high) / 2, high].map(rule),
      text(PAD.left, H - 6, "tick", label(first[0]?.[0])), text(W - PAD.right, H - 6, "tick end", label(first.at(-1)?.[0])),
      series.map(([key, points], index) => h("polyline", { key, class: `series s${index % COLOURS}`, points: line(points) }))),
    series.length > 1 && h("figcaption", { class: "legend" },
      series.map(([key], index) => h("span", { key, class: `s${index % COLOURS}` }, h("i"), key))));
}
