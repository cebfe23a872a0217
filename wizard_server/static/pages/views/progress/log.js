import { patched } from "../../../client/json.js";

/** @import { Client, Line, State } from "../../types.js" */
/** @import { InvestigationProgress } from "../../../client/index.js" */
const MOST_PAGES = 40;

/** The lines of an investigation in the order in which they came, with the time at which they came. */
export function createLog() {
  let lines = /** @type {Line[]} */ ([]), counts = /** @type {Map<string, number>} */ (new Map());

  /**
   * Take what is new in `progress`; `at` is when it was reported.
   * @param {InvestigationProgress | null | undefined} progress @param {string} at @returns {number}
   */
  function feed(progress, at) {
    let fresh = 0;
    const sources = [{ ...progress, agent_name: "" }, ...(progress?.agents ?? [])];
    for (const { agent_name: agent, logs = [], logs_dropped: dropped = 0 } of sources) {
      const known = counts.get(agent) ?? 0, total = dropped + logs.length;
      if (total < known) return restart(progress, at);
      for (const text of logs.slice(Math.max(0, known - dropped))) {
        lines.push({ n: lines.length + 1, at, agent, text, search: `${agent} ${text}`.toLowerCase() });
        fresh += 1;
      }
      counts.set(agent, total);
    }
    return fresh;
  }

  /** Fewer lines than before: another run. @param {InvestigationProgress | null | undefined} progress @param {string} at */
  function restart(progress, at) {
    clear();
    return progress ? feed(progress, at) : 0;
  }

  function clear() {
    lines = [];
    counts = new Map();
  }

  return {
    get lines() { return lines; },
    feed,
    clear,
    /**
     * Read the past out of the changes, as far as it is kept; then what is known now.
     * @param {Client} client @param {string} id @param {State} state
     */
    async replay(client, id, state) {
      const past = createLog();
      let at = /** @type {{ version: number, progress?: InvestigationProgress }} */ ({ version: 0 });
      for (let page = 0; page < MOST_PAGES && at.version < state.version; page++) {
        const answer = await client.changes(id, { sinceVersion: at.version });
        if (!answer.success || !answer.data) break;
        for (const change of answer.data.changes) {
          at = { ...patched(at, change.patch), version: change.version };
          if (!at.progress) past.clear();
          else if (change.fields_changed.includes("progress")) past.feed(at.progress, change.timestamp);
        }
      }
      if (at.version < state.version || !past.lines.length) return false;
      lines = past.lines;
      counts = past.counts;
      return true;
    },
    get counts() { return counts; },
  };
}
