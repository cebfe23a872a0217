/** An entry of the trail in words. */
const ACTIONS = {
  STATE_CREATED: "created the investigation", PROGRESS_UPDATED: "reported progress", STATE_DELETED: "deleted the investigation",
  TEMPLATE_SAVED: "saved its settings as a template", TEMPLATE_APPLIED: "made it from a template", STATE_IMPORTED: "imported it",
};
const SOURCES = { USER: "by hand", SYSTEM: "by an agent", WEBSOCKET: "over a WebSocket", POLLING: "over polling" };
const STATUSES = { COMPLETED: "completed it", ERROR: "ended it with an error", CANCELLED: "cancelled it", IN_PROGRESS: "retried it" };

export const over = (source) => SOURCES[source] ?? source;

export function inWords({ action_type: action, new_state: now, previous_state: before }) {
  if (action !== "STATE_CHANGE") return ACTIONS[action] ?? action.toLowerCase().replaceAll("_", " ");
  const said = [];
  if (now?.status && now.status !== before?.status) said.push(STATUSES[now.status] ?? now.status);
  if (now?.wizard_step && now.wizard_step !== before?.wizard_step) said.push(now.wizard_step === "PROGRESS" && before?.wizard_step === "SETTINGS" ? "started it" : `went to ${now.wizard_step.toLowerCase()}`);
  if (now?.settings) said.push("changed the settings");
  if (now?.progress) said.push("changed the progress");
  if (now?.results) said.push("gave results");
  return said.join(", ") || "changed it";
}

const SKIPPED = new Set(["version", "updated_at", "last_accessed", "stalled", "stale"]);
const isTree = (value) => Boolean(value) && typeof value === "object";

/** What differs between two states: `[{path, kind, before, now}]`, leaves only, the first `most`. */
export function differences(before, now, most = 200, path = "", found = []) {
  if (found.length >= most) return found;
  if (!isTree(before) || !isTree(now)) {
    if (before !== now) found.push({ path, before, now, kind: before === undefined ? "added" : now === undefined ? "removed" : "changed" });
    return found;
  }
  for (const name of new Set([...Object.keys(before), ...Object.keys(now)])) {
    if (!path && SKIPPED.has(name)) continue;
    if (JSON.stringify(before[name]) !== JSON.stringify(now[name])) differences(before[name], now[name], most, path ? `${path}.${name}` : name, found);
  }
  return found;
}
