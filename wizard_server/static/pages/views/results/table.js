import { h } from "../../kit/dom.js";
import { number } from "../../kit/format.js";
import { isNumber } from "./shapes.js";

/** @import { Render, Table } from "../../types.js" */
const MOST_ROWS = 200;
/** @param {unknown} value */
const kind = (value) => (isNumber(value) ? "figure-cell" : "");

/** @param {unknown} value */
function shown(value) {
  if (isNumber(value)) return number(value);
  return value && typeof value === "object" ? JSON.stringify(value) : String(value ?? "");
}

/** @type {Render<Table>} */
export const table = ({ columns, rows }) => h("div", { class: "scroll", tabindex: "0" }, h("table", null,
  h("thead", null, h("tr", null, columns.map((name, at) => h("th", { scope: "col", class: kind(rows[0]?.[at]) }, name)))),
  h("tbody", null, rows.slice(0, MOST_ROWS).map((row) =>
    h("tr", null, row.map((value) => h("td", { class: kind(value), dir: "auto" }, shown(value))))))));
