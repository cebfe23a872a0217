import { h } from "../kit/dom.js";
import { button } from "./button.js";

/** @import { Asked, Child, Closing, Question, Render } from "../types.js" */

/**
 * A dialog over the page; its title has the focus where one only `reads`. It closes by Escape and by its buttons; focus goes back to where it was.
 * @param {{ key?: string, title: string, close?: (() => void) | undefined, wide?: boolean, reads?: boolean }} how @param {Child[]} content
 */
export function dialog({ key, title, close, wide = false, reads = false }, ...content) {
  return h("dialog", {
    key: `dialog ${key ?? title}`, class: wide ? "wide" : "", "aria-label": title,
    mounted: (element) => element.showModal(),
    oncancel: (event) => { event.preventDefault(); close?.(); },
    // A browser lets a second Escape close what prevented the first.
    onclose: ({ target }) => { if (target.isConnected) close ? close() : target.showModal(); },
    onclick: (event) => { if (event.target === event.currentTarget) close?.(); },
  }, h("div", { class: "sheet" },
    h("header", null, h("h2", reads ? { tabindex: "-1", autofocus: true } : null, title),
      close && button("✕", close, { class: "plain", "aria-label": "Close" })),
    content));
}

/** Ask once before what cannot be taken back. @type {Render<Closing<Question>>} */
export const confirming = ({ title, text, action, danger = true, run, close }) =>
  dialog({ title, close }, h("p", null, text),
    h("footer", null,
      h("button", { type: "button", onclick: close }, "Keep as it is"),
      h("button", { type: "button", class: danger ? "danger" : "primary", autofocus: true, onclick: () => { close(); run(); } }, action)));

/** Ask for one line of text. @type {Render<Asked>} */
export const asking = ({ title, label, value = "", action, run, close }) =>
  dialog({ title, close }, h("form", {
    class: "stack", method: "dialog",
    onsubmit: (event) => {
      event.preventDefault();
      const text = event.target.elements.text.value.trim();
      if (text) { close(); run(text); }
    },
  }, h("label", { class: "field" }, h("span", null, label),
    h("input", {
      name: "text", maxlength: "255", required: true, autocomplete: "off", dir: "auto", autofocus: true,
      mounted: (input) => { input.value = value; input.select(); },
    })),
  h("footer", null, h("button", { type: "button", onclick: close }, "Close"), h("button", { class: "primary" }, action))));
