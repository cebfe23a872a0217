import { h } from "../../kit/dom.js";
import { duration } from "../../kit/format.js";
import { load, save } from "../../kit/keep.js";
import { marked, wrong } from "./fields.js";
import { PRESETS, lastDays } from "./model.js";

const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone || "local";
let utc = load("utc", false);

const shift = (stamp) => new Date(stamp).getTimezoneOffset() * 60_000;

/** A timestamp as a control has it, to the minute. */
const toControl = (stamp) => (stamp ? new Date(Date.parse(stamp) - (utc ? 0 : shift(stamp))).toISOString().slice(0, 16) : "");
const fromControl = (text) => (text ? new Date(utc ? `${text}Z` : text).toISOString() : "");
const other = (stamp) => (stamp ? new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: utc ? undefined : "UTC" }).format(new Date(stamp)) : "");

/** When: presets, and two times in the reader's zone or in UTC. */
export function timeRange({ form, edit, found, locked, update }) {
  const { start, end } = form.time_range;
  const set = (changes) => edit({ time_range: { ...form.time_range, ...changes } });
  const control = (name, label) => h("label", { class: "field" }, h("span", null, label),
    h("input", { type: "datetime-local", name, value: toControl(form.time_range[name]), onchange: (event) => set({ [name]: fromControl(event.target.value) }), ...marked(found, "time_range") }),
    ZONE !== "UTC" && h("small", { class: "quiet" }, `${other(form.time_range[name])} ${utc ? ZONE : "UTC"}`));
  const length = Date.parse(end) - Date.parse(start);
  return h("fieldset", { class: "group", disabled: locked },
    h("legend", null, "Time range", h("span", { class: "quiet count" }, length > 0 ? duration(length / 1000) : "")),
    h("div", { class: "actions" }, PRESETS.map(([text, days]) => h("button", { key: text, type: "button", "aria-pressed": String(Math.abs(length - days * 86_400_000) < 1000), onclick: () => edit({ time_range: lastDays(days) }) }, `Last ${text}`)),
      ZONE !== "UTC" && h("label", { class: "check" }, h("input", { type: "checkbox", checked: utc, onchange: (event) => { save("utc", (utc = event.target.checked)); update(); } }), "UTC")),
    h("div", { class: "pair" }, control("start", "Start"), control("end", "End")),
    h("p", { class: "quiet small" }, `Times are in ${utc ? "UTC" : ZONE}.`),
    wrong(found, "time_range"));
}
