import { h } from "../kit/dom.js";

/**
 * A field that filters as one types; `label` is for those who do not see the placeholder.
 * @param {string} placeholder @param {string} value @param {(text: string) => void} change
 */
export const search = (placeholder, value, change, label = placeholder) =>
  h("input", { type: "search", placeholder, "aria-label": label, value, oninput: (event) => change(event.target.value) });
