import { h } from "../../kit/dom.js";
import { count } from "../../kit/format.js";
import { wrong } from "./fields.js";
import { parameters } from "./parameters.js";

const defaults = (schema) => Object.fromEntries(Object.entries(schema?.properties ?? {}).filter(([, { default: value }]) => value !== undefined).map(([name, { default: value }]) => [name, value]));

/** Which tools look: those of the catalogue, or by name where there is none. */
export function tools(given) {
  const { form, edit, found, locked, catalogue, search } = given;
  const chosen = new Map(form.tools.map((tool) => [tool.tool_name, tool]));
  const names = [...new Set([...(catalogue?.keys() ?? []), ...chosen.keys()])];
  const wanted = names.filter((name) => name.toLowerCase().includes(search.text.toLowerCase()));
  const change = (name, changes) => edit({ tools: chosen.has(name)
    ? form.tools.map((tool) => (tool.tool_name === name ? { ...tool, ...changes } : tool))
    : [...form.tools, { tool_name: name, enabled: true, parameters: defaults(catalogue?.get(name)), ...changes }] });
  const enabled = form.tools.filter((tool) => tool.enabled).length;
  const all = (on) => edit({ tools: names.map((name) => ({ ...(chosen.get(name) ?? { tool_name: name, parameters: defaults(catalogue?.get(name)) }), enabled: on })) });
  return h("fieldset", { class: "group", disabled: locked },
    h("legend", null, "Tools", h("span", { class: "quiet count" }, `${enabled} of ${count(names.length, "tool")}`)),
    names.length > 8 && h("input", { type: "search", placeholder: "Find a tool", "aria-label": "Find a tool", value: search.text, oninput: (event) => search.set(event.target.value) }),
    h("ul", { class: "tools" }, wanted.map((name) => tool(given, name, chosen.get(name), (changes) => change(name, changes)))),
    h("div", { class: "actions" },
      names.length > 1 && [h("button", { type: "button", class: "small", onclick: () => all(true) }, "Enable all"), h("button", { type: "button", class: "small", onclick: () => all(false) }, "Disable all")],
      !catalogue && !locked && byName(chosen, change)),
    wrong(found, "tools"));
}

/** The values in a line: "depth 2 · no proxies". */
const inWords = (values) => Object.entries(values).map(([name, value]) => value === true ? name : value === false ? `no ${name}`
  : `${name} ${Array.isArray(value) ? value.join(", ") : typeof value === "object" ? JSON.stringify(value) : value}`).join(" · ").replaceAll("_", " ") || "no parameter set";

function tool({ catalogue, found, form, opened }, name, selection, change) {
  const schema = catalogue?.get(name);
  const on = Boolean(selection?.enabled);
  return h("li", { key: name, class: on ? "on" : "" },
    h("label", { class: "check" }, h("input", { type: "checkbox", name: `tool ${name}`, checked: on, onchange: (event) => change({ enabled: event.target.checked }) }),
      h("span", null, h("b", { class: "mono", dir: "auto" }, schema?.title ?? name), catalogue && !schema && h("em", { class: "wrong" }, "not in the catalogue"),
        schema?.description && h("small", { class: "quiet" }, schema.description))),
    on && Object.keys(schema?.properties ?? {}).length ? h("details", { class: "set", open: opened.has(name) || Object.keys(found).some((field) => field.startsWith(`tools.${name}.`)),
      ontoggle: ({ target }) => (target.open ? opened.add(name) : opened.delete(name)) },
    h("summary", null, h("span", { class: "visually-hidden" }, `Parameters of ${name}: `), inWords(selection.parameters ?? {})),
    parameters({ tool: name, schema, values: selection.parameters ?? {}, found, change: (values) => change({ parameters: values }) })) : null,
    !schema && form && on && selection.parameters && Object.keys(selection.parameters).length ? h("pre", { class: "small" }, JSON.stringify(selection.parameters, null, 1)) : null);
}

function byName(chosen, change) {
  const add = (input) => {
    const name = input.value.trim();
    if (name && !chosen.has(name)) change(name, {});
    input.value = "";
    input.focus();
  };
  return h("div", { class: "by-name" }, h("input", { name: "tool_name", "aria-label": "Tool by name", placeholder: "Tool by name", class: "mono", onkeydown: (event) => { if (event.key === "Enter") { event.preventDefault(); add(event.target); } } }),
    h("button", { type: "button", onclick: (event) => add(event.target.previousElementSibling) }, "Add tool"));
}
