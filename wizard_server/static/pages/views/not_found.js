import { h } from "../kit/dom.js";

/** @type {import("../types.js").Render<import("../types.js").App>} */
export const notFound = (app) => h("section", { class: "empty" },
  h("h1", null, "There is no such page"), h("p", null, "The address may be mistyped, or the page has moved."),
  h("a", { class: "button primary", href: app.href("/") }, "All investigations"));
