/** @typedef {Record<string, string>} Words */
/** @type {Words} */
const ACTIONS = {
  STATE_CREATED: "created the investigation", PROGRESS_UPDATED: "reported progress", STATE_DELETED: "deleted the investigation",
  TEMPLATE_SAVED: "saved its settings as a template", TEMPLATE_APPLIED: "made it from a template", STATE_IMPORTED: "imported it",
};
/** @type {Words} */
const SOURCES = { USER: "by hand", SYSTEM: "by an agent", WEBSOCKET: "over a WebSocket", POLLING: "over polling" };
/** @type {Words} */
const STATUSES = { COMPLETED: "completed it", ERROR: "ended it with an error", CANCELLED: "cancelled it", IN_PROGRESS: "retried it" };

/** @param {string} source */
export const over = (source) => SOURCES[source] ?? source;

/** What an entry of the trail says that its author did. @param {import("../../types.js").Entry} entry */
export function inWords({ action_type: action, new_state: now, previous_state: before }) {
  if (action !== "STATE_CHANGE") return ACTIONS[action] ?? action.toLowerCase().replaceAll("_", " ");
  const said = [], step = now?.wizard_step;
  if (now?.status && now.status !== before?.status) said.push(STATUSES[now.status] ?? now.status);
  if (step && step !== before?.wizard_step) {
    said.push(step === "PROGRESS" && before?.wizard_step === "SETTINGS" ? "started it" : `went to ${step.toLowerCase()}`);
  }
  if (now?.settings) said.push("changed the settings");
  if (now?.progress) said.push("changed the progress");
  if (now?.results) said.push("gave results");
  return said.join(", ") || "changed it";
}
