import { h } from "../../kit/dom.js";
import { duration, secondsSince } from "../../kit/format.js";
import { button } from "../../parts/button.js";

/** @import { Child, Here } from "../../types.js" */
/** @typedef {{ offered: boolean, retry(): unknown, again(): unknown, cancel(): unknown }} Ways */

/**
 * `text` may be told to screen readers; `more` changes by the second and is not.
 * @param {string} kind @param {string | null} role @param {string} text @param {string} more @param {Child[]} actions
 */
const view = (kind, role, text, more, ...actions) =>
  h("p", { class: `banner ${kind}` }, h("span", null, h("span", { role }, text), more), actions);

/** What has become of the run where it does not simply run, and what one can do. @param {Here} here @param {Ways} ways @returns {Child} */
export function banner({ server, isMine, path }, { offered, retry, again, cancel }) {
  /** @param {string} text @param {() => unknown} run @param {string} [kind] */
  const act = (text, run, kind) => isMine && button(text, run, { class: kind });
  const results = server.results && h("a", { class: "button primary", href: path("results") }, "Go to the results");
  if (server.status === "ERROR") {
    return view("error", "alert", "The investigation failed. Retry goes on with the same settings.", "", act("Retry", retry, "primary"), results);
  }
  if (server.status === "CANCELLED") {
    return view("", null, "Cancelled. What the agents reported until then stands below.", "", act("Start again", again));
  }
  if (server.status === "COMPLETED") return view("done", offered ? "alert" : null, "The investigation is complete.", "", results);
  if (!server.stalled) return null;
  const since = duration(secondsSince(server.updated_at));
  return view("waiting", "alert", "Stalled", `: no agent has reported for ${since}. Start again, or cancel.`,
    act("Start again", again), act("Cancel investigation", cancel));
}
