import { h } from "../../kit/dom.js";
import { marked, wrong } from "./fields.js";

/** @import { Found, Props, Schema } from "../../types.js" */
/** @typedef {Record<string, any>} Values */

/**
 * A form made from a tool's JSON Schema; what it has no control for is edited as JSON.
 * @param {{ tool: string, schema: Schema, values: Values, found: Found, change(values: Values): void }} given
 */
export function parameters({ tool, schema, values, found, change }) {
  /** @param {string} name @param {unknown} value */
  const set = (name, value) => {
    const { [name]: _, ...rest } = values;
    change(value === undefined ? rest : { ...rest, [name]: value });
  };
  return h("div", { class: "parameters" }, Object.entries(schema.properties ?? {}).map(([name, inner]) => {
    const where = `tools.${tool}.${name}`;
    const props = { "aria-label": `${tool}: ${name}`, name: where, ...marked(found, where) };
    return h("label", { key: name, class: inner.type === "boolean" ? "check" : "field", title: inner.description },
      inner.type === "boolean" ? null : title(name, inner), control(inner, values[name], (value) => set(name, value), props),
      inner.type === "boolean" ? title(name, inner) : inner.description && h("small", { class: "quiet" }, inner.description), wrong(found, where));
  }));
}

/** @param {string} name @param {Schema} schema */
const title = (name, { title: text }) => h("span", null, (text ?? name).replaceAll("_", " "));

/** @param {Schema} schema @param {any} value @param {(value: unknown) => void} set @param {Props} props */
function control(schema, value, set, props) {
  const { type, items, enum: values } = schema;
  if (type === "boolean") return h("input", { ...props, type: "checkbox", checked: value === true, onchange: (event) => set(event.target.checked) });
  if (values) {
    return h("select", { ...props, value: String(value ?? ""), onchange: (event) => set(values.find((each) => String(each) === event.target.value)) },
      value === undefined && h("option", { value: "" }, "not set"),
      values.map(String).map((each) => h("option", { key: each, value: each }, each)));
  }
  if (type === "integer" || type === "number") {
    return h("input", { ...props, type: "number", min: schema.minimum, max: schema.maximum, step: type === "integer" ? "1" : "any", value: value ?? "",
      oninput: (event) => set(event.target.value === "" ? undefined : Number(event.target.value)) });
  }
  if (type === "string") {
    return h("input", { ...props, maxlength: schema.maxLength, value: value ?? "", dir: "auto",
      oninput: (event) => set(event.target.value || undefined) });
  }
  if (type === "array" && items?.type === "string") {
    return h("input", { ...props, placeholder: "one, two", value: (value ?? []).join(", "),
      onchange: (event) => set(event.target.value.split(",").map((/** @type {string} */ each) => each.trim()).filter(Boolean)) });
  }
  return h("textarea", { ...props, rows: "3", class: "mono", spellcheck: "false",
    mounted: (area) => { area.value = value === undefined ? "" : JSON.stringify(value, null, 1); },
    onchange: ({ target }) => {
      try {
        set(target.value.trim() ? JSON.parse(target.value) : undefined);
        target.setCustomValidity("");
      } catch (error) {
        target.setCustomValidity(`This is no JSON: ${/** @type {Error} */ (error).message}`);
        target.reportValidity();
      }
    } });
}
