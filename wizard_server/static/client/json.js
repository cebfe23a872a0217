/**
 * Whether two JSON values are the same, whatever the order of members.
 * @param {any} one @param {any} other @returns {boolean}
 */
export function equal(one, other) {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || !one || !other) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && equal(one[name], other[name]));
}

/**
 * Apply an RFC 6902 patch as `/changes` has it (add, remove, replace) and return the new document; `document` stays
 * as it is, and parts that do not change are shared. Throws where the patch does not apply.
 *
 * A member that is null on the wire is absent in `document`, so replacing an absent member adds it.
 * @param {any} document @param {{op: string, path: string, value?: any}[]} patch
 */
export function patched(document, patch) {
  const holder = { "": document };
  const copied = new Set([holder]);
  for (const { op, path, value } of patch) {
    const steps = path.split("/").map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
    const last = /** @type {string} */ (steps.pop());
    /** @type {any} */
    let at = holder;
    for (const step of steps) {
      const inner = Object.hasOwn(at, step) ? at[step] : undefined;
      if (inner === null || typeof inner !== "object") throw new Error(`the patch does not apply at ${path}`);
      if (!copied.has(inner)) copied.add((at[step] = Array.isArray(inner) ? [...inner] : { ...inner }));
      at = at[step];
    }
    change(at, last, op, value, path);
  }
  return holder[""];
}

/** @param {any} at @param {string} name @param {string} op @param {any} value @param {string} path */
function change(at, name, op, value, path) {
  if (!["add", "remove", "replace"].includes(op)) throw new Error(`${op} is no operation of a change`);
  if (!Array.isArray(at)) {
    if (op === "remove") delete at[name];
    else Object.defineProperty(at, name, { value, writable: true, enumerable: true, configurable: true });
    return;
  }
  const index = name === "-" ? at.length : Number(name);
  const most = op === "add" ? at.length : at.length - 1;
  if (!Number.isInteger(index) || index < 0 || index > most) throw new Error(`the patch does not apply at ${path}`);
  at.splice(index, op === "add" ? 0 : 1, ...(op === "remove" ? [] : [value]));
}
