import { h } from "../kit/dom.js";

/** @import { Child, Handler, Props } from "../types.js" */

/**
 * A button that does something here; `props` are the rest of it.
 * @param {Child} text @param {Handler} onclick @param {Props} [props]
 */
export const button = (text, onclick, props) => h("button", { type: "button", onclick, ...props }, text);
