import { focusOn, h } from "../../kit/dom.js";
import { button } from "../../parts/button.js";
import { dialog } from "../../parts/dialog.js";
import { wrong } from "./fields.js";
import { LIMITS } from "./model.js";
import { TYPES, pasted } from "./pasted.js";

/** @import { Closing, Given, Props, Render, Say } from "../../types.js" */
/** @import { Entity } from "../../../client/index.js" */

/** Whom it concerns: up to 10 entities. @type {Render<Given>} */
export const entities = ({ form, edit, found, locked, ask }) => {
  const list = form.entities;
  /** @param {number} index @param {Partial<Entity>} changes */
  const change = (index, changes) => edit({ entities: list.map((each, at) => (at === index ? { ...each, ...changes } : each)) });
  const full = list.length >= LIMITS.entities;
  const add = () => {
    edit({ entities: [...list, { entity_type: list.at(-1)?.entity_type ?? "user_id", entity_id: "", name: "" }] });
    focusLast();
  };
  return h("fieldset", { class: "group", disabled: locked },
    h("legend", null, "Entities", h("span", { class: "quiet count" }, `${list.length} of ${LIMITS.entities}`)),
    h("datalist", { id: "entity-types" }, TYPES.map((type) => h("option", { key: type, value: type }))),
    h("ol", { class: "entities" }, list.map((entity, index) => {
      /** @param {keyof Entity} name @param {string} label @param {Props} [extra] */
      const cell = (name, label, extra) => h("input", {
        "aria-label": `${label} of entity ${index + 1}`, placeholder: label, value: entity[name] ?? "", title: entity[name],
        dir: "auto", spellcheck: "false", autocomplete: "off",
        "aria-invalid": found[`entities.${index}`] ? "true" : null, oninput: (event) => change(index, { [name]: event.target.value }), ...extra,
      });
      return h("li", { key: index },
        cell("entity_type", "Type", { list: "entity-types", class: "mono" }),
        cell("entity_id", "Identifier", { class: "mono", name: "entity_id" }), cell("name", "Name (optional)"),
        button("✕", () => edit({ entities: list.filter((_, at) => at !== index) }),
          { class: "plain", "aria-label": `Remove entity ${index + 1}`, title: "Remove" }),
        wrong(found, `entities.${index}`));
    })),
    h("div", { class: "actions" },
      button("Add entity", add, { disabled: full }), button("Paste many", () => ask("paste"), { disabled: full })),
    wrong(found, "entities"));
};

const EXAMPLE = "user_id, u-48213, First account\n203.0.113.77\nann@example.com";

const focusLast = () => setTimeout(() => focusOn(".entities li:last-child [name=entity_id]"), 50);

/** @type {Render<Closing<Pick<Given, "form" | "edit">> & { say: Say }>} */
export const pasting = ({ form, edit, close, say }) => dialog({ title: "Paste entities", close }, h("form", {
  class: "stack",
  onsubmit: (event) => {
    event.preventDefault();
    const known = new Set(form.entities.map(({ entity_id: id }) => id));
    const fresh = pasted(event.target.elements.lines.value).filter(({ entity_id: id }) => !known.has(id) && known.add(id));
    const room = LIMITS.entities - form.entities.length;
    if (fresh.length) edit({ entities: [...form.entities, ...fresh.slice(0, room)] });
    if (fresh.length > room) say(`Maximum 10 entities allowed: ${fresh.length - room} left out.`, { tone: "error" });
    close();
  },
}, h("label", { class: "field" }, h("span", null, "One on each line: type, identifier, name"),
  h("textarea", { name: "lines", rows: "8", class: "mono", spellcheck: "false", placeholder: EXAMPLE, autofocus: true })),
h("p", { class: "quiet small" }, "A type that is left out is guessed. Those that are listed already are left out."),
h("footer", null, h("button", { class: "primary" }, "Add entities"))));
