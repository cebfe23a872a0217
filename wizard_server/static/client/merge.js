import { equal } from "./json.js";

/**
 * Merge two edits of one JSON value, member by member: what only one side changed is taken from it. `conflicts` names
 * the members that both changed differently; in `merged` they are as in `mine`.
 * @param {any} base @param {any} mine @param {any} theirs @param {string} [path]
 * @returns {{merged: any, conflicts: string[]}}
 */
export function merge(base, mine, theirs, path = "") {
  if (equal(mine, theirs) || equal(base, theirs)) return { merged: mine, conflicts: [] };
  if (equal(base, mine)) return { merged: theirs, conflicts: [] };
  if (![base, mine, theirs].every(isObject)) return { merged: mine, conflicts: [path] };
  /** @type {Record<string, any>} */
  const merged = {};
  /** @type {string[]} */
  const conflicts = [];
  for (const name of new Set([...Object.keys(mine), ...Object.keys(theirs)])) {
    const inner = merge(base[name], mine[name], theirs[name], path ? `${path}.${name}` : name);
    if (inner.merged !== undefined) merged[name] = inner.merged;
    conflicts.push(...inner.conflicts);
  }
  return { merged, conflicts };
}

/** @param {any} value */
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
