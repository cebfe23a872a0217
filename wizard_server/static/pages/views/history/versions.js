/** @import { App, Here, Past } from "../../types.js" */

/** The states of the past, each asked for once. @param {App} app @param {Here} here */
export function createVersions(app, here) {
  const states = /** @type {Map<number, Past | null>} */ (new Map());

  /** @param {number} version */
  async function load(version) {
    const answer = await app.client.getState(here.id, { version });
    states.set(version, answer.success ? answer.data : { missing: answer.error ?? "" });
    app.update();
  }

  return {
    /** The state at `version`; null while it is on its way. @param {number} version @returns {Past | null} */
    of(version) {
      if (version === here.server.version) return here.server;
      if (!states.has(version)) {
        states.set(version, null);
        void load(version);
      }
      return states.get(version) ?? null;
    },
  };
}
