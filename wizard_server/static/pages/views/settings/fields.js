import { h } from "../../kit/dom.js";

/** @import { Found } from "../../types.js" */
/** @param {string} field */
const idOf = (field) => `wrong-${field.replaceAll(/[^A-Za-z0-9]/g, "-")}`;

/** What is wrong with a field, beside it. @param {Found} found @param {string} field */
export const wrong = (found, field) => (found[field] ? h("p", { class: "wrong", id: idOf(field) }, found[field]) : null);

/** What a control says about it. @param {Found} found @param {string} field */
export const marked = (found, field) => (found[field] ? { "aria-invalid": "true", "aria-describedby": idOf(field) } : {});

/**
 * One of a few, all in sight.
 * @template {string} T @param {string} legend @param {T} value @param {(readonly [value: T, text: string, hint: string])[]} options
 * @param {(value: T) => void} choose
 */
export const segments = (legend, value, options, choose) => h("fieldset", { class: "segments" }, h("legend", null, legend),
  h("div", null, options.map(([option, text, hint]) => h("label", { key: option, title: hint },
    h("input", { type: "radio", name: legend, value: option, checked: value === option, onchange: () => choose(option) }), h("span", null, text)))),
  h("p", { class: "quiet small" }, options.find(([option]) => option === value)?.[2]));
