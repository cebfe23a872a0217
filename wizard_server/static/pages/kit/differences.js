const SKIPPED = new Set(["version", "updated_at", "last_accessed", "stalled", "stale"]);
/** @import { Difference } from "../types.js" */
/** @type {(before: unknown, now: unknown) => Difference["kind"]} */
const kindOf = (before, now) => (before === undefined ? "added" : now === undefined ? "removed" : "changed");
/** @type {(value: unknown) => value is Record<string, unknown>} */
const isTree = (value) => Boolean(value) && typeof value === "object";

/**
 * What differs between two states, leaves only, the first `most`.
 * @param {unknown} before @param {unknown} now @param {Difference[]} [found]
 */
export function differences(before, now, most = 200, path = "", found = []) {
  if (found.length >= most) return found;
  if (!isTree(before) || !isTree(now)) {
    if (before !== now) found.push({ path, before, now, kind: kindOf(before, now) });
    return found;
  }
  for (const name of new Set([...Object.keys(before), ...Object.keys(now)])) {
    if (!path && SKIPPED.has(name)) continue;
    if (JSON.stringify(before[name]) === JSON.stringify(now[name])) continue;
    differences(before[name], now[name], most, path ? `${path}.${name}` : name, found);
  }
  return found;
}
