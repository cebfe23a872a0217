import { h } from "../../kit/dom.js";
import { tree } from "../../parts/tree.js";
import { chart } from "./chart.js";
import { seriesOf, tableOf } from "./shapes.js";
import { table } from "./table.js";

/** Data that the tools drew nothing of: lines and tables; what is neither, as JSON. @param {Record<string, any> | undefined} given */
export function visualizations(given) {
  const list = Object.entries(given ?? {});
  return list.length ? h("section", { class: "visualizations" }, h("h2", null, "Data"),
    h("div", { class: "grid" }, list.map(([name, data]) => h("section", { key: name, class: "card" },
      h("h3", { dir: "auto" }, (data?.title ?? name).replaceAll("_", " ")), drawn(name, data))))) : null;
}

/** @param {string} name @param {unknown} data */
function drawn(name, data) {
  const series = seriesOf(data), rows = series ? null : tableOf(data);
  return series ? chart(name, series) : rows ? table(rows) : tree(data);
}
