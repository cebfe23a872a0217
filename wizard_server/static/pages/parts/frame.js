import { focusOn, h } from "../kit/dom.js";
import { button } from "./button.js";
import { connectionView } from "./connection.js";

/** @import { App, Child, Handler, Link, Route } from "../types.js" */

const LOGO = "M3 3 8 1l5 2v5c0 3.4-2.1 5.8-5 7-2.9-1.2-5-3.6-5-7Z", TICK = "M5.2 8.2 7.2 10.2 11 5.8";

/** @type {Handler} */
function skip(event) {
  event.preventDefault();
  focusOn("main");
}

/**
 * What stands on every page: the bar at its top, and the page in it.
 * @param {App} app @param {{ route: Route | null, main: Child, link: Link | null | undefined }} page
 */
export function frame(app, { route, main, link }) {
  /** @param {string} to @param {string} text @param {(string | undefined)[]} names */
  const tab = (to, text, names) =>
    h("a", { href: app.href(to), "aria-current": names.includes(route?.name) ? "page" : null }, text);
  return [
    h("a", { key: "skip", class: "skip", href: "#main", onclick: skip }, "Skip to the page"),
    h("header", { key: "top", class: "top" },
      h("a", { class: "brand", href: app.href("/"), "aria-label": "wizard, all investigations" },
        h("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, h("path", { d: LOGO }), h("path", { d: TICK, class: "tick" })),
        h("b", null, "wizard")),
      h("nav", { "aria-label": "Pages" }, tab("/", "Investigations", ["dashboard", "investigation"]), tab("/templates", "Templates", ["templates"])),
      link && connectionView(link),
      button("?", () => app.open("keys"), { class: "plain keys", "aria-label": "Keys of the keyboard", title: "Keys (?)" }),
      button([h("span", { class: "visually-hidden" }, "Signed in as "), h("bdi", null, app.session.user || "sign in")], () => app.open("user"),
        { class: "plain user", "aria-haspopup": "dialog" })),
    h("main", { key: `main ${route?.name} ${route?.id ?? ""}`, id: "main", class: `page ${route?.name ?? ""}`, tabindex: "-1" }, main),
  ];
}
