// The service as the client sees it, in memory: states with versions, preconditions, keys, parked polls, changes.

const FIELDS = ["wizard_step", "settings", "progress", "results", "status"];
const copy = (value) => structuredClone(value);

export const settingsNamed = (name, more = {}) => ({
  name,
  entities: [{ entity_type: "user_id", entity_id: "u1" }],
  time_range: { start: "2026-01-01T00:00:00.000Z", end: "2026-01-02T00:00:00.000Z" },
  tools: [{ tool_name: "device", enabled: true }],
  correlation_mode: "OR",
  execution_mode: "parallel",
  ...more,
});

export const answered = (status, body, headers = {}) =>
  new Response(body === undefined ? null : JSON.stringify(body), { status, headers: { "Content-Type": "application/json", ...headers } });

export const problem = (status, code, more = {}) =>
  answered(status, { code, title: code, status, success: false, error: code, timestamp: "2026-11-27T00:00:00.000Z", ...more });

export function createService(id = "inv-1", first = {}) {
  let state = {
    investigation_id: id, user_id: "dev", wizard_step: "SETTINGS", settings: settingsNamed("first"), progress: null, results: null,
    status: "IN_PROGRESS", version: 1, created_at: "2026-11-27T00:00:00.000Z", updated_at: "2026-11-27T00:00:00.000Z", last_accessed: null,
    stale: false, stalled: false, ...first,
  };
  const kept = new Map();
  let changes = [];
  const parked = new Set();
  const requests = [];

  function commit(updates, mutation_id = null) {
    const fields = FIELDS.filter((field) => field in updates && JSON.stringify(updates[field]) !== JSON.stringify(state[field]));
    if (!fields.length) return;
    const version = state.version + 1;
    const patch = [...fields.map((field) => ({ op: "replace", path: `/${field}`, value: copy(updates[field]) })), { op: "replace", path: "/version", value: version }];
    state = { ...state, ...copy(updates), version };
    changes.push({ version, timestamp: state.updated_at, action_type: "STATE_CHANGE", source: "USER", user_id: "dev", mutation_id, fields_changed: fields, patch });
    for (const wake of [...parked]) wake();
  }

  function put(body, headers) {
    const key = headers.get("Idempotency-Key");
    const known = kept.get(key);
    if (known) return known.body === JSON.stringify(body) ? answered(known.status, known.answer) : problem(422, "idempotency-key-reused");
    const base = Number(/version-(\d+)/.exec(headers.get("If-Match") ?? "")?.[1] ?? state.version);
    if (base !== state.version) {
      const changed = new Set(changes.filter(({ version }) => version > base).flatMap(({ fields_changed }) => fields_changed));
      return problem(412, "precondition-failed", {
        current: copy(state), version: state.version, changed_fields: [...changed], changed_by: "dev",
        mergeable: !Object.keys(body).some((field) => changed.has(field)),
      });
    }
    const refusal = refused(body);
    const status = refusal ? 409 : 200;
    if (!refusal) commit(body, key);
    const answer = refusal ?? copy(state);
    kept.set(key, { body: JSON.stringify(body), status, answer });
    return answered(status, answer, refusal ? {} : { ETag: `"version-${state.version}"` });
  }

  function refused({ wizard_step: to, status, results }) {
    const running = (status ?? state.status) === "IN_PROGRESS";
    if (to === "RESULTS" && running) return { code: "invalid-transition", title: "refused", detail: `step ${to} needs status COMPLETED`, status: 409, from: state.wizard_step, to, allowed: ["SETTINGS"] };
    if (results && state.wizard_step !== "RESULTS" && to !== "RESULTS") return { code: "invalid-transition", title: "refused", detail: "results belong to RESULTS", status: 409 };
    return null;
  }

  const whole = (since) => answered(200, {
    investigation_id: id, timestamp: state.updated_at, state: copy(state), has_changes: since !== state.version, next_poll_interval: 2000,
    version: state.version, ...(since > state.version ? { reset: true } : {}),
  }, { ETag: `"version-${state.version}"` });

  function delta(since) {
    if (since > state.version) return problem(410, "history-gone");
    const found = changes.filter(({ version }) => version > since);
    if (!found.length) return answered(304, undefined, { ETag: `"version-${state.version}"` });
    return answered(200, { investigation_id: id, from_version: since, to_version: state.version, changes: copy(found), has_more: false, next_poll_interval: 2000 });
  }

  /** Park until the version is another or `wait` seconds are over. */
  const park = (since, wait, signal) => new Promise((resolve, reject) => {
    if (!wait || since !== state.version) return resolve();
    const done = (how, value) => {
      parked.delete(wake);
      clearTimeout(timer);
      how(value);
    };
    const wake = () => done(resolve);
    const timer = setTimeout(wake, wait * 1000);
    parked.add(wake);
    signal?.addEventListener("abort", () => done(reject, signal.reason ?? new Error("aborted")));
  });

  async function serve(url, { method = "GET", headers, body, signal } = {}) {
    const { pathname, searchParams } = new URL(url, "http://service");
    const since = Number(searchParams.get("since_version") ?? 0);
    requests.push({ method, path: pathname.replace("/api/v1", ""), headers: new Headers(headers), body: body && JSON.parse(body), query: searchParams });
    if (pathname.endsWith("/changes")) return await park(since, Number(searchParams.get("wait") ?? 0), signal), delta(since);
    if (pathname.includes("/polling/")) return await park(since, Number(searchParams.get("wait") ?? 0), signal), whole(since);
    if (method === "PUT") return put(JSON.parse(body), new Headers(headers));
    return answered(200, copy(state), { ETag: `"version-${state.version}"` });
  }

  return {
    requests,
    parked,
    get state() {
      return copy(state);
    },
    /** Somebody else's change. */
    commit: (updates) => commit(updates),
    /** An older backup is put back. */
    restore(version, more = {}) {
      changes = changes.filter((change) => change.version <= version);
      state = { ...state, version, ...more };
      for (const wake of [...parked]) wake();
    },
    fetch: serve,
    count: (path) => requests.filter((request) => request.path.includes(path)).length,
  };
}

/** A `fetch` that tests steer: what `script` returns is the answer, undefined asks the service. */
export function scripted(service, script) {
  return async (url, init) => {
    init?.signal?.throwIfAborted();
    const request = { method: init?.method ?? "GET", path: new URL(url, "http://service").pathname.replace("/api/v1", ""), init };
    const answer = await script(request, () => service.fetch(url, init));
    return answer ?? service.fetch(url, init);
  };
}

export function memoryStorage(given = {}) {
  const items = new Map(Object.entries(given));
  return {
    items,
    getItem: (name) => items.get(name) ?? null,
    setItem: (name, value) => void items.set(name, value),
    removeItem: (name) => void items.delete(name),
  };
}
