import { h } from "../kit/dom.js";

/**
 * One of `options`; `label` is for those who do not see it.
 * @param {string} label @param {string} value @param {string[][]} options each `[value, text]` @param {(value: any) => void} choose
 */
export const select = (label, value, options, choose) =>
  h("select", { "aria-label": label, value, onchange: (event) => choose(event.target.value) },
    options.map(([option, text]) => h("option", { key: option, value: option }, text)));
