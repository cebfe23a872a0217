const WAIT_S = 25, LEAST_MS = 500, MOST_MS = 30_000, PAGE = 100;

/** All investigations that the user may see, kept current by one parked poll. */
export function createList(client, changed) {
  const rows = new Map();
  const list = { rows, total: 0, ready: false, error: null, connection: "offline", syncedAt: null, more, stop, drop: (id) => rows.delete(id) && changed() };
  let cursor = null, failures = 0, stopping = new AbortController(), asking = new AbortController(), wake = () => {};

  const pause = (ms) => new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    wake = () => (clearTimeout(timer), resolve());
  });
  const hurry = () => wake();
  for (const event of ["online", "focus"]) addEventListener(event, hurry, { signal: stopping.signal });
  document.addEventListener("visibilitychange", hurry, { signal: stopping.signal });
  // What is parked when the line is cut never ends by itself.
  addEventListener("offline", () => asking.abort(), { signal: stopping.signal });

  async function follow() {
    while (!stopping.signal.aborted) {
      if (document.hidden && list.ready) { await pause(60_000); continue; }
      const asked = Date.now();
      asking = new AbortController();
      const signal = AbortSignal.any([stopping.signal, asking.signal]);
      const from = cursor === null ? { limit: PAGE } : failures ? { cursor } : { cursor, wait: WAIT_S };
      const answer = await client.activeInvestigations({ ...from, signal }).catch(cut);
      if (answer.success) {
        const news = take(answer.data);
        changed();
        if (!news && Date.now() - asked < LEAST_MS) await pause(answer.data.next_poll_interval ?? 2000);
        else if (answer.retryAfterMs) await pause(answer.retryAfterMs);
      } else await refused(answer);
    }
  }

  function cut(reason) {
    if (stopping.signal.aborted) throw reason;
    return { success: false, status: 0 };
  }

  function take(data) {
    const whole = cursor === null || data.reset;
    if (whole) rows.clear();
    for (const row of data.investigations) rows.set(row.investigation_id, row);
    for (const id of data.removed ?? []) rows.delete(id);
    list.total = whole ? data.total : Math.max(rows.size, list.total);
    cursor = data.cursor;
    failures = 0;
    Object.assign(list, { ready: true, error: null, connection: "live", syncedAt: new Date().toISOString() });
    return whole || data.investigations.length || data.removed?.length;
  }

  async function refused(answer) {
    failures += 1;
    const error = answer.status ? answer.error : navigator.onLine ? "The server cannot be reached" : "This browser is offline";
    Object.assign(list, { error, connection: answer.status === 503 ? "draining" : "offline" });
    list.retryAt = Date.now() + (answer.retryAfterMs ?? Math.min(MOST_MS, 1000 * 2 ** (failures - 1)));
    changed();
    await pause(list.retryAt - Date.now());
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

  function stop() {
    stopping.abort();
    wake();
  }

  follow().catch((error) => { if (!stopping.signal.aborted) throw error; });
  return list;
}
