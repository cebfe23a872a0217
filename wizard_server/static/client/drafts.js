/**
 * @typedef {import("./pending.js").Pending} Pending
 * @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem">} Store
 */

const PREFIX = "wizard-client:draft:";
const KEPT_MS = 7 * 24 * 3600 * 1000;

/**
 * Updates that the server has not answered, kept over a reload for 7 days. A browser that refuses storage costs the
 * drafts and nothing else.
 * @param {Store | null | undefined} storage @param {string} owner whose drafts these are
 */
export function createDrafts(storage, owner) {
  const key = (/** @type {string} */ id) => `${PREFIX}${owner}:${id}`;
  return {
    /** @param {string} id @param {readonly Pending[]} queue */
    save(id, queue) {
      try {
        const kept = queue.map(({ done: _, ...entry }) => entry);
        if (kept.length) storage?.setItem(key(id), JSON.stringify({ savedAt: Date.now(), queue: kept }));
        else storage?.removeItem(key(id));
      } catch {
        // full, or forbidden
      }
    },
    /** @param {string} id @returns {Pending[]} */
    load(id) {
      try {
        const { savedAt, queue } = JSON.parse(storage?.getItem(key(id)) ?? "{}");
        if (!Array.isArray(queue) || !(Date.now() - savedAt < KEPT_MS)) return [];
        return queue.map((entry) => ({ ...entry, done: [] }));
      } catch {
        return [];
      }
    },
  };
}
