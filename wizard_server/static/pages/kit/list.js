import { createLink, untilStopped } from "./link.js";

/** @import { Client, Listed, Summary } from "../types.js" */
const WAIT_S = 25, LEAST_MS = 500, PAGE = 100;

/** All investigations that the user may see, kept current by one parked poll. @param {Client} client @param {() => void} changed */
export function createList(client, changed) {
  const rows = /** @type {Map<string, Summary>} */ (new Map()), link = createLink(changed);
  const list = { rows, link, total: 0, ready: false, more, drop: (/** @type {string} */ id) => rows.delete(id) && changed() };
  let cursor = /** @type {number | string | null} */ (null);

  async function follow() {
    while (!link.signal.aborted) {
      if (document.hidden && list.ready) { await link.pause(60_000); continue; }
      const asked = Date.now();
      const from = cursor === null ? { limit: PAGE } : link.failures ? { cursor } : { cursor, wait: WAIT_S };
      const answer = await link.ask((signal) => client.activeInvestigations({ ...from, signal }));
      if (!answer.success) continue;
      const news = take(answer.data);
      changed();
      if (!news && Date.now() - asked < LEAST_MS) await link.pause(answer.data.next_poll_interval ?? 2000);
      else if (answer.retryAfterMs) await link.pause(answer.retryAfterMs);
    }
  }

  /** @param {Listed} data */
  function take(data) {
    const whole = cursor === null || data.reset;
    if (whole) rows.clear();
    for (const row of data.investigations) rows.set(row.investigation_id, row);
    for (const id of data.removed ?? []) rows.delete(id);
    list.total = whole ? data.total : Math.max(rows.size, list.total);
    cursor = data.cursor;
    list.ready = true;
    return whole || data.investigations.length || data.removed?.length;
  }

  /** Load the next page of older ones. */
  async function more() {
    const answer = await client.activeInvestigations({ limit: PAGE, offset: rows.size });
    if (!answer.success) return answer;
    for (const row of answer.data.investigations) if (!rows.has(row.investigation_id)) rows.set(row.investigation_id, row);
    list.total = answer.data.total;
    changed();
    return answer;
  }

  untilStopped(link, follow);
  return list;
}
