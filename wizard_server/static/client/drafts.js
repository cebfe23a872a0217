import { newId } from "./ids.js";

/** @import { Pending } from "./parts.types.js" */

const KEPT_MS = 7 * 24 * 3600 * 1000;

/**
 * Updates that the server has not answered, kept in `storage` for 7 days. Tabs share a key: each writes its own
 * entries and leaves those of others. A browser that refuses storage costs the drafts and nothing else.
 * @param {Pick<Storage, "getItem" | "setItem" | "removeItem"> | null | undefined} storage @param {string} key
 */
export function createDrafts(storage, key) {
  /** @type {string[]} */
  let mine = [];

  /** @returns {Record<string, Pending & {savedAt: number}>} */
  function read() {
    try {
      return JSON.parse(storage?.getItem(key) ?? "{}");
    } catch {
      return {};
    }
  }

  return {
    /** @param {readonly Pending[]} queue */
    save(queue) {
      if (!queue.length && !mine.length) return;
      const all = read();
      for (const id of mine) delete all[id];
      for (const entry of queue) all[entry.mutationId] = { ...entry, done: [], savedAt: Date.now() };
      mine = queue.map(({ mutationId }) => mutationId);
      try {
        if (Object.keys(all).length) storage?.setItem(key, JSON.stringify(all));
        else storage?.removeItem(key);
      } catch {
        // full, or forbidden
      }
    },
    /** What was never sent becomes a new request: the tab that wrote it may still change it. @returns {Pending[]} */
    load() {
      const all = read();
      mine = Object.keys(all);
      return Object.values(all)
        .filter(({ updates, savedAt }) => updates && Date.now() - savedAt < KEPT_MS)
        .map(({ savedAt: _, ...entry }) => ({ ...entry, mutationId: entry.sent ? entry.mutationId : newId() }));
    },
  };
}
