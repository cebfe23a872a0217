import { h } from "../../kit/dom.js";
import { duration } from "../../kit/format.js";
import { load, save } from "../../kit/keep.js";
import { button } from "../../parts/button.js";
import { marked, wrong } from "./fields.js";
import { PRESETS, lastDays } from "./model.js";

/** @import { Form, Given, Handler, Render } from "../../types.js" */
/** @typedef {keyof Form["time_range"]} End */
const DAY_MS = 86_400_000;
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone || "local";
let utc = load("utc", false);

/** @param {string} stamp */
const shift = (stamp) => new Date(stamp).getTimezoneOffset() * 60_000;

/** A timestamp as a control has it, to the minute. @param {string} stamp */
const toControl = (stamp) => (stamp ? new Date(Date.parse(stamp) - (utc ? 0 : shift(stamp))).toISOString().slice(0, 16) : "");
/** @param {string} text */
const fromControl = (text) => (text ? new Date(utc ? `${text}Z` : text).toISOString() : "");
/** @param {string | undefined} timeZone */
const inZone = (timeZone) => new Intl.DateTimeFormat("en-GB", /** @type {any} */ ({ dateStyle: "medium", timeStyle: "short", timeZone }));
/** @param {string} stamp */
const other = (stamp) => (stamp ? inZone(utc ? undefined : "UTC").format(new Date(stamp)) : "");

/** When: presets, and two times in the reader's zone or in UTC. @type {Render<Given>} */
export const timeRange = ({ form, edit, found, locked, update }) => {
  const { start, end } = form.time_range;
  /** @param {Partial<Form["time_range"]>} changes */
  const set = (changes) => edit({ time_range: { ...form.time_range, ...changes } });
  /** @param {End} name @param {string} label */
  const control = (name, label) => h("label", { class: "field" }, h("span", null, label),
    h("input", {
      type: "datetime-local", name, value: toControl(form.time_range[name]), ...marked(found, "time_range"),
      onchange: (event) => set({ [name]: fromControl(event.target.value) }),
    }),
    ZONE !== "UTC" && h("small", { class: "quiet" }, `${other(form.time_range[name])} ${utc ? ZONE : "UTC"}`));
  /** @type {Handler} */
  const choose = (event) => { save("utc", (utc = event.target.checked)); update(); };
  const length = Date.parse(end) - Date.parse(start);
  return h("fieldset", { class: "group", disabled: locked },
    h("legend", null, "Time range", h("span", { class: "quiet count" }, length > 0 ? duration(length / 1000) : "")),
    h("div", { class: "actions" },
      PRESETS.map(([text, days]) => button(`Last ${text}`, () => edit({ time_range: lastDays(days) }),
        { key: text, "aria-pressed": String(Math.abs(length - days * DAY_MS) < 1000) })),
      ZONE !== "UTC" && h("label", { class: "check" }, h("input", { type: "checkbox", checked: utc, onchange: choose }), "UTC")),
    h("div", { class: "pair" }, control("start", "Start"), control("end", "End")),
    h("p", { class: "quiet small" }, `Times are in ${utc ? "UTC" : ZONE}.`),
    wrong(found, "time_range"));
};
