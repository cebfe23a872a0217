import { h } from "../kit/dom.js";
import { duration, secondsSince } from "../kit/format.js";

/**
 * Why a view is not current, how old it is, and when it asks again; only the why is told to screen readers.
 * @type {import("../types.js").RenderIf<import("../types.js").CutOff>}
 */
export const cutOff = ({ error, syncedAt, retryAt }) => error && h("p", { class: "banner waiting" }, h("span", null,
  syncedAt ? `As of ${duration(secondsSince(syncedAt))} ago. ` : "", h("span", { role: "alert" }, `${error}.`),
  ` Trying again in ${Math.max(0, Math.ceil((retryAt - Date.now()) / 1000))} s.`));
