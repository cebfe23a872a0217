import { h } from "../../kit/dom.js";
import { exact } from "../../kit/format.js";
import { tree } from "../../parts/tree.js";

/** @import { RenderIf, Settings } from "../../types.js" */
/** @import { Entity, InvestigationResults } from "../../../client/index.js" */
const STAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;

/**
 * What was found about each entity, with what the settings say of it.
 * @param {InvestigationResults["entity_summaries"] | undefined} given @param {Settings | undefined} settings
 */
export function summaries(given, settings) {
  const list = Object.entries(given ?? {}), known = new Map((settings?.entities ?? []).map((entity) => [entity.entity_id, entity]));
  if (!list.length) return null;
  return h("section", { class: "entities-found" },
    h("h2", null, "Entities", h("span", { class: "quiet count" }, String(list.length))),
    h("ul", { class: "cards" }, list.map(([id, summary]) => h("li", { key: id, class: "card" },
      h("h3", { class: "mono" }, h("bdi", null, id)), kind(known.get(id)),
      h("dl", { class: "pairs" }, Object.entries(summary).map(([name, value]) =>
        [h("dt", null, name.replaceAll("_", " ")), h("dd", { dir: "auto" }, shown(value))]))))));
}

/** @type {RenderIf<Entity | undefined>} */
const kind = (entity) => entity && h("p", { class: "quiet small" }, entity.entity_type, entity.name && [" · ", h("bdi", null, entity.name)]);

/** @param {any} value */
function shown(value) {
  if (value && typeof value === "object") return tree(value);
  if (STAMP.test(value) && Date.parse(value)) return h("time", { datetime: value, title: value }, exact(value));
  return String(value);
}
