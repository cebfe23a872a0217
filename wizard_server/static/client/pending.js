import { newId } from "./ids.js";
import { equal } from "./json.js";

/** @import { Conflict } from "./client.types.js" */
/** @import { Pending, Rebased, State, Update } from "./parts.types.js" */

const FIELDS = /** @type {(keyof Update)[]} */ (["wizard_step", "settings", "progress", "results", "status"]);

/** @param {Update} updates */
export const fieldsOf = (updates) => FIELDS.filter((field) => updates[field] !== undefined);

/**
 * Add `updates` to the queue: to its last entry where that is of the same fields and was not sent yet.
 * @param {readonly Pending[]} queue @param {Update} updates @param {State} server @param {() => void} done @returns {Pending[]}
 */
export function added(queue, updates, server, done) {
  const last = queue.at(-1);
  if (last && !last.sent && equal(fieldsOf(last.updates), fieldsOf(updates))) {
    return [...queue.slice(0, -1), { ...last, updates: { ...last.updates, ...updates }, done: [...last.done, done] }];
  }
  const base = picked(server, fieldsOf(updates));
  return [...queue, { updates, base, version: server.version, mutationId: newId(), sent: false, done: [done] }];
}

/** @param {State} server @param {readonly Pending[]} queue @returns {State} */
export const overlaid = (server, queue) =>
  queue.length ? /** @type {State} */ (Object.assign({}, server, ...queue.map(({ updates }) => updates))) : server;

/**
 * Base what was not sent on a newer state. Where somebody else changed a field of it, it is in conflict; where the
 * server says the same already, nothing is left to send.
 * @param {readonly Pending[]} queue @param {State} server @returns {Rebased}
 */
export function rebased(queue, server) {
  /** @type {Pending[]} */
  const kept = [];
  /** @type {Pending[]} */
  const settled = [];
  for (const [index, entry] of queue.entries()) {
    const differing = fieldsOf(entry.updates).filter((field) => !equal(entry.updates[field], server[field]));
    if (entry.sent || entry.version === server.version) kept.push(entry);
    else if (kept.length) kept.push(entry); // it waits for what is before it
    else if (!differing.length) settled.push(entry);
    else {
      const fields = differing.filter((field) => !equal(entry.base[field], server[field]));
      if (fields.length) return { queue: queue.slice(index), settled, conflict: { entry, conflict: conflicting(entry, fields, server) } };
      kept.push(onto(entry, server));
    }
  }
  return { queue: kept, settled, conflict: null };
}

/** The entry as a new request upon `server`. @param {Pending} entry @param {State} server @returns {Pending} */
export const onto = (entry, server) => ({
  ...entry, base: picked(server, fieldsOf(entry.updates)), version: server.version, mutationId: newId(), sent: false,
});

/** @param {Pending} entry @param {(keyof Update)[]} fields @param {State} server @returns {Conflict} */
export const conflicting = (entry, fields, server) =>
  ({ fields, base: picked(entry.base, fields), mine: picked(entry.updates, fields), theirs: picked(server, fields) });

/** @param {any} from @param {(keyof Update)[]} fields @returns {Update} */
const picked = (from, fields) =>
  Object.fromEntries(fields.filter((field) => from[field] !== undefined).map((field) => [field, from[field]]));
