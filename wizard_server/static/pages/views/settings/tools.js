import { h } from "../../kit/dom.js";
import { count } from "../../kit/format.js";
import { button } from "../../parts/button.js";
import { search } from "../../parts/search.js";
import { wrong } from "./fields.js";
import { parameters } from "./parameters.js";

/** @import { Given, Handler, Render, Schema } from "../../types.js" */
/** @import { ToolSelection } from "../../../client/index.js" */
/** @typedef {Map<string, ToolSelection>} Chosen */
/** @typedef {(changes: Partial<ToolSelection>) => void} Change */
const FEW = 8;
/** @param {Schema | undefined} schema */
const defaults = (schema) => Object.fromEntries(Object.entries(schema?.properties ?? {})
  .map(([name, { default: value }]) => [name, value]).filter(([, value]) => value !== undefined));

/** Which tools look: those of the catalogue, or by name where there is none. @type {Render<Given>} */
export const tools = (given) => {
  const { form, edit, found, locked, catalogue, search: sought } = given;
  const chosen = new Map(form.tools.map((tool) => [tool.tool_name, tool]));
  const names = [...new Set([...(catalogue?.keys() ?? []), ...chosen.keys()])];
  const wanted = names.filter((name) => name.toLowerCase().includes(sought.text.toLowerCase()));
  /** @param {string} name @returns {ToolSelection} */
  const fresh = (name) => ({ tool_name: name, enabled: true, parameters: defaults(catalogue?.get(name)) });
  /** @param {string} name @param {Partial<ToolSelection>} changes */
  const change = (name, changes) => edit({ tools: chosen.has(name)
    ? form.tools.map((tool) => (tool.tool_name === name ? { ...tool, ...changes } : tool))
    : [...form.tools, { ...fresh(name), ...changes }] });
  const enabled = form.tools.filter((tool) => tool.enabled).length;
  const all = (/** @type {boolean} */ enabled) => edit({ tools: names.map((name) => ({ ...(chosen.get(name) ?? fresh(name)), enabled })) });
  return h("fieldset", { class: "group", disabled: locked },
    h("legend", null, "Tools", h("span", { class: "quiet count" }, `${enabled} of ${count(names.length, "tool")}`)),
    names.length > FEW && search("Find a tool", sought.text, sought.set),
    h("ul", { class: "tools" }, wanted.map((name) => tool(given, name, chosen.get(name), (changes) => change(name, changes)))),
    h("div", { class: "actions" },
      names.length > 1 && [true, false].map((on) => button(on ? "Enable all" : "Disable all", () => all(on), { class: "small" })),
      !catalogue && !locked && byName(chosen, change)),
    wrong(found, "tools"));
};

/** The values in a line: "depth 2 · no proxies". @param {Record<string, unknown>} values */
const inWords = (values) =>
  Object.entries(values).map(([name, value]) => phrase(name, value)).join(" · ").replaceAll("_", " ") || "no parameter set";

/** @param {string} name @param {unknown} value */
function phrase(name, value) {
  if (typeof value === "boolean") return value ? name : `no ${name}`;
  return `${name} ${Array.isArray(value) ? value.join(", ") : typeof value === "object" ? JSON.stringify(value) : value}`;
}

/** @param {Given} given @param {string} name @param {ToolSelection | undefined} selection @param {Change} change */
function tool({ catalogue, found, opened }, name, selection, change) {
  const schema = catalogue?.get(name), on = Boolean(selection?.enabled), values = selection?.parameters ?? {};
  const isOpen = opened.has(name) || Object.keys(found).some((field) => field.startsWith(`tools.${name}.`));
  /** @type {Handler} */
  const ontoggle = ({ target }) => (target.open ? opened.add(name) : opened.delete(name));
  return h("li", { key: name, class: on ? "on" : "" },
    h("label", { class: "check" },
      h("input", { type: "checkbox", name: `tool ${name}`, checked: on, onchange: (event) => change({ enabled: event.target.checked }) }),
      h("span", null, h("b", { class: "mono", dir: "auto" }, schema?.title ?? name),
        catalogue && !schema && h("em", { class: "wrong" }, "not in the catalogue"),
        schema?.description && h("small", { class: "quiet" }, schema.description))),
    on && schema && Object.keys(schema.properties ?? {}).length ? h("details", { class: "set", open: isOpen, ontoggle },
      h("summary", null, h("span", { class: "visually-hidden" }, `Parameters of ${name}: `), inWords(values)),
      parameters({ tool: name, schema, values, found, change: (changed) => change({ parameters: changed }) })) : null,
    !schema && on && Object.keys(values).length ? h("pre", { class: "small" }, JSON.stringify(values, null, 1)) : null);
}

/** @param {Chosen} chosen @param {(name: string, changes: {}) => void} change */
function byName(chosen, change) {
  /** @param {HTMLInputElement} input */
  const add = (input) => {
    const name = input.value.trim();
    if (name && !chosen.has(name)) change(name, {});
    input.value = "";
    input.focus();
  };
  /** @type {Handler} */
  const onkeydown = (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    add(event.target);
  };
  return h("div", { class: "by-name" },
    h("input", { name: "tool_name", "aria-label": "Tool by name", placeholder: "Tool by name", class: "mono", onkeydown }),
    button("Add tool", (event) => add(event.target.previousElementSibling)));
}
