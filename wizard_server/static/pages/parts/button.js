import { h } from "../kit/dom.js";

/** A button that does something here; `props` are the rest of it. */
export const button = (text, onclick, props) => h("button", { type: "button", onclick, ...props }, text);
