/** Members whose values are the user's own JSON: a null in there means something. */
const FREE = new Set([
  "parameters", "evidence", "entity_summaries", "visualizations", "category_scores",
  "previous_state", "new_state", "patch",
]);

/**
 * Drop members that are null: on the wire an absent member of a state is null, in the interfaces it is absent.
 * Gives back `value` itself where there is nothing to drop.
 * @template T
 * @param {T} value
 * @returns {T}
 */
export function withoutNulls(value) {
  if (Array.isArray(value)) return /** @type {T} */ (each(value));
  if (value === null || typeof value !== "object") return value;
  /** @type {Record<string, unknown>} */
  const members = /** @type {any} */ (value);
  let changed = false;
  /** @type {Record<string, unknown>} */
  const kept = {};
  for (const [name, member] of Object.entries(members)) {
    if (member === null) changed = true;
    else {
      const clean = FREE.has(name) ? member : withoutNulls(member);
      changed ||= clean !== member;
      kept[name] = clean;
    }
  }
  return changed ? /** @type {T} */ (kept) : value;
}

/** @param {unknown[]} items */
function each(items) {
  const clean = items.map(withoutNulls);
  return clean.some((item, index) => item !== items[index]) ? clean : items;
}
