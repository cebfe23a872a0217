import { newId } from "./api.js";
import { equal } from "./json.js";

/**
 * @typedef {import("./client.types.js").FollowedState} State
 * @typedef {import("./client.types.js").Conflict} Conflict
 * @typedef {import("./wizard.types.js").WizardStateUpdate} Update
 *
 * One update that the server has not answered for good. `base` holds what its fields were when it was made; from the
 * moment it is sent until its answer, `mutationId` and `version` stay, so that sending it again is the same request.
 * @typedef {{updates: Update, base: Update, version: number, mutationId: string, sent: boolean, done: (() => void)[]}} Pending
 */

const FIELDS = /** @type {(keyof Update)[]} */ (["wizard_step", "settings", "progress", "results", "status"]);

/** @param {Update} updates */
export const fieldsOf = (updates) => FIELDS.filter((field) => updates[field] !== undefined);

/**
 * Add `updates` to the queue: to its last entry where that was not sent yet.
 * @param {readonly Pending[]} queue @param {Update} updates @param {State} server @param {() => void} [done]
 * @returns {Pending[]}
 */
export function added(queue, updates, server, done) {
  const dones = done ? [done] : [];
  const last = queue.at(-1);
  if (last && !last.sent) {
    const base = { ...picked(server, fieldsOf(updates)), ...last.base };
    return [...queue.slice(0, -1), { ...last, updates: { ...last.updates, ...updates }, base, done: [...last.done, ...dones] }];
  }
  const base = picked(server, fieldsOf(updates));
  return [...queue, { updates, base, version: server.version, mutationId: newId(), sent: false, done: dones }];
}

/**
 * What is to be seen: the server's state, and over it every update that is not answered.
 * @param {State} server @param {readonly Pending[]} queue @returns {State}
 */
export const overlaid = (server, queue) =>
  queue.length ? /** @type {State} */ (Object.assign({}, server, ...queue.map(({ updates }) => updates))) : server;

/**
 * Base what was not sent on a newer state. Where somebody else changed a field of it, it is in conflict; where the
 * server says the same already, nothing is left to send.
 * @param {readonly Pending[]} queue @param {State} server
 * @returns {{queue: Pending[], settled: Pending[], conflict: {entry: Pending, conflict: Conflict} | null}}
 */
export function rebased(queue, server) {
  /** @type {Pending[]} */
  const kept = [];
  /** @type {Pending[]} */
  const settled = [];
  for (const [index, entry] of queue.entries()) {
    if (entry.sent || entry.version === server.version) kept.push(entry);
    else if (fieldsOf(entry.updates).every((field) => equal(entry.updates[field], server[field]))) settled.push(entry);
    else if (queue.slice(0, index).some(({ sent }) => sent)) kept.push(entry); // what it rests on is under way
    else {
      const fields = fieldsOf(entry.updates).filter((field) =>
        !equal(entry.base[field], server[field]) && !equal(entry.updates[field], server[field]));
      if (fields.length) return { queue: [...kept, ...queue.slice(index)], settled, conflict: { entry, conflict: conflicting(entry, fields, server) } };
      kept.push(onto(entry, server));
    }
  }
  return { queue: kept, settled, conflict: null };
}

/** The entry as a new request upon `server`. @param {Pending} entry @param {State} server @returns {Pending} */
export const onto = (entry, server) => ({
  ...entry, base: picked(server, fieldsOf(entry.updates)), version: server.version, mutationId: newId(), sent: false,
});

/** @param {Pending} entry @param {string[]} fields @param {State} server @returns {Conflict} */
export function conflicting(entry, fields, server) {
  const named = /** @type {(keyof Update)[]} */ (fields);
  return { fields, base: entry.base, mine: picked(entry.updates, named), theirs: picked(server, named) };
}

/** @param {any} from @param {(keyof Update)[]} fields @returns {Update} */
function picked(from, fields) {
  return Object.fromEntries(fields.filter((field) => from[field] !== undefined).map((field) => [field, from[field]]));
}
