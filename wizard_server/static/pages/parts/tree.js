import { h } from "../kit/dom.js";

const OPENED = 3;

/** JSON as a tree that opens and closes. @param {unknown} value @returns {import("../types.js").VNode} */
export function tree(value, name = "", depth = 0) {
  const label = name === "" ? null : h("span", { class: "member", dir: "auto" }, name, ": ");
  if (value === null || typeof value !== "object") return h("div", { class: "leaf" }, label, leaf(value));
  const entries = Object.entries(value);
  const many = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`;
  if (!entries.length) return h("div", { class: "leaf" }, label, h("span", { class: "quiet" }, Array.isArray(value) ? "[]" : "{}"));
  return h("details", { class: "tree", open: depth < OPENED && entries.length <= 20 },
    h("summary", null, label, h("span", { class: "quiet" }, many)),
    h("div", { class: "inner" }, entries.map(([key, inner]) => tree(inner, key, depth + 1))));
}

/** @type {import("../types.js").Render<unknown>} */
const leaf = (value) => h("span", { class: `value ${typeof value}`, dir: "auto" }, typeof value === "string" ? value || "“”" : String(value));
