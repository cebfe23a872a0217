import { h } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { tree } from "../../parts/tree.js";

const W = 420, H = 170, PAD = { left: 44, right: 8, top: 8, bottom: 22 };
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

/** The points of a series: numbers, pairs, or objects with x and y; null where it is none. */
function pointsOf(data) {
  const list = Array.isArray(data) ? data : data?.points ?? data?.values ?? data?.data;
  if (!Array.isArray(list) || list.length < 2) return null;
  const points = list.map((each, index) => isNumber(each) ? [index, each] : Array.isArray(each) ? each : [each?.x ?? each?.t ?? each?.time ?? each?.timestamp ?? each?.label ?? index, each?.y ?? each?.value ?? each?.count]);
  return points.every(([, y]) => isNumber(y)) ? points : null;
}

function seriesOf(data) {
  const named = data?.series ?? data;
  const whole = pointsOf(named);
  if (whole) return [["", whole]];
  const list = Array.isArray(named) ? named.map((each, index) => [each?.name ?? `${index + 1}`, pointsOf(each)]) : named && typeof named === "object" ? Object.entries(named).map(([name, each]) => [name, pointsOf(each)]) : [];
  return list.length && list.every(([, points]) => points) ? list : null;
}

function tableOf(data) {
  const rows = Array.isArray(data) ? data : data?.rows;
  if (!Array.isArray(rows) || !rows.length || !rows.every((row) => row && typeof row === "object")) return null;
  const columns = data?.columns ?? [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return { columns: columns.map((each) => each?.name ?? String(each)), rows: rows.map((row) => (Array.isArray(row) ? row : columns.map((each) => row[each?.key ?? each?.name ?? each]))) };
}

function chart(name, series) {
  const all = series.flatMap(([, points]) => points), ys = all.map(([, y]) => y);
  const low = Math.min(0, ...ys), high = Math.max(...ys, low + 1), most = Math.max(...series.map(([, points]) => points.length));
  const x = (index) => PAD.left + (index / (most - 1)) * (W - PAD.left - PAD.right);
  const y = (value) => PAD.top + (1 - (value - low) / (high - low)) * (H - PAD.top - PAD.bottom);
  const label = (value) => (typeof value === "number" ? number(value) : String(value).replace(/^\d{4}-(\d\d-\d\d)T(\d\d:\d\d).*/, "$1 $2"));
  const first = series[0][1];
  return h("figure", { class: "chart" },
    h("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": `${name}: from ${number(Math.min(...ys))} to ${number(Math.max(...ys))}` },
      [low, (low + high) / 2, high].map((value) => [h("line", { x1: PAD.left, x2: W - PAD.right, y1: y(value), y2: y(value), class: "rule" }), h("text", { x: PAD.left - 6, y: y(value) + 4, class: "tick end" }, number(value))]),
      h("text", { x: PAD.left, y: H - 6, class: "tick" }, label(first[0][0])), h("text", { x: W - PAD.right, y: H - 6, class: "tick end" }, label(first.at(-1)[0])),
      series.map(([key, points], index) => h("polyline", { key, class: `series s${index % 4}`, points: points.map(([, value], at) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(" ") }))),
    series.length > 1 && h("figcaption", { class: "legend" }, series.map(([key], index) => h("span", { key, class: `s${index % 4}` }, h("i"), key))));
}

function table({ columns, rows }) {
  return h("div", { class: "scroll", tabindex: "0" }, h("table", null, h("thead", null, h("tr", null, columns.map((each, at) => h("th", { scope: "col", class: isNumber(rows[0]?.[at]) ? "figure-cell" : "" }, each)))),
    h("tbody", null, rows.slice(0, 200).map((row) => h("tr", null, row.map((each) => h("td", { class: isNumber(each) ? "figure-cell" : "", dir: "auto" }, isNumber(each) ? number(each) : each && typeof each === "object" ? JSON.stringify(each) : String(each ?? ""))))))));
}

/** Data that the tools drew nothing of: lines and tables; what is neither, as JSON. */
export const visualizations = (given) => {
  const list = Object.entries(given ?? {});
  return list.length ? h("section", { class: "visualizations" }, h("h2", null, "Data"), h("div", { class: "grid" }, list.map(([name, data]) => {
    const series = seriesOf(data), rows = series ? null : tableOf(data);
    return h("section", { key: name, class: "card" }, h("h3", { dir: "auto" }, (data?.title ?? name).replaceAll("_", " ")), series ? chart(name, series) : rows ? table(rows) : tree(data));
  }))) : null;
};
