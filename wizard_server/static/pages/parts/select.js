import { h } from "../kit/dom.js";

/** One of `options`, each `[value, text]`; `label` is for those who do not see it. */
export const select = (label, value, options, choose) =>
  h("select", { "aria-label": label, value, onchange: (event) => choose(event.target.value) },
    options.map(([option, text]) => h("option", { key: option, value: option }, text)));
