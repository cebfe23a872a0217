import { h } from "../kit/dom.js";
import { percent } from "../kit/format.js";

/**
 * A bar from 0 to 100; `tone` is one of the meanings.
 * @param {number | null | undefined} value @param {{ label?: string, tone?: string, slim?: boolean }} how
 */
export const bar = (value, { label, tone = "running", slim = false }) =>
  h("div", {
    class: `bar ${tone}${slim ? " slim" : ""}`, role: "progressbar", "aria-label": label, "aria-valuemin": "0", "aria-valuemax": "100",
    "aria-valuenow": String(Math.floor(value ?? 0)), "aria-valuetext": percent(value), style: { "--at": `${Math.min(100, value ?? 0)}%` },
  }, h("i"));
