/** The states of the past, each asked for once. */
export function createVersions(app, here) {
  const states = new Map();

  async function load(version) {
    const answer = await app.client.getState(here.id, { version });
    states.set(version, answer.success ? answer.data : { missing: answer.error });
    app.update();
  }

  return {
    /** The state at `version`; null while it is on its way, and with `missing`, which says why, where there is none. */
    of(version) {
      if (version === here.server.version) return here.server;
      if (!states.has(version)) {
        states.set(version, null);
        void load(version);
      }
      return states.get(version);
    },
  };
}
