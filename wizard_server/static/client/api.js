import { newId } from "./ids.js";
import { withoutNulls } from "./nulls.js";
import { retryAfter, sentence } from "./problems.js";

/** @import { CreateClient, Options, WizardClient } from "./client.types.js" */
/** @import { Answer } from "./parts.types.js" */

/** Every endpoint: its method, its path, and whether a body is sent. @type {Record<string, [method: string, path: string, body?: boolean]>} */
const ENDPOINTS = {
  createState: ["POST", "/wizard-state", true],
  listStates: ["GET", "/wizard-state"],
  getState: ["GET", "/wizard-state/{}"],
  updateState: ["PUT", "/wizard-state/{}", true],
  patchState: ["PATCH", "/wizard-state/{}", true],
  deleteState: ["DELETE", "/wizard-state/{}"],
  history: ["GET", "/wizard-state/{}/history"],
  appendHistory: ["POST", "/wizard-state/{}/history", true],
  reportProgress: ["POST", "/wizard-state/{}/progress", true],
  poll: ["GET", "/polling/wizard-state/{}"],
  changes: ["GET", "/polling/wizard-state/{}/changes"],
  activeInvestigations: ["GET", "/polling/active-investigations"],
  health: ["GET", "/polling/health"],
  listTemplates: ["GET", "/templates"],
  createTemplate: ["POST", "/templates", true],
  getTemplate: ["GET", "/templates/{}"],
  updateTemplate: ["PUT", "/templates/{}", true],
  deleteTemplate: ["DELETE", "/templates/{}"],
  applyTemplate: ["POST", "/templates/{}/apply", true],
  tools: ["GET", "/tools"],
  config: ["GET", "/config"],
};
const KEYED = new Set(["POST", "PUT", "PATCH"]);
/** Options that are headers; whatever else an option is called is a parameter of the query. */
const HEADERS = {
  ifMatch: "If-Match",
  ifNoneMatch: "If-None-Match",
  mutationId: "Idempotency-Key",
  auditSource: "X-Audit-Source",
  prefer: "Prefer",
  contentType: "Content-Type",
};

/** @type {CreateClient} */
export function createClient(settings = {}) {
  const root = (settings.baseUrl ?? "").replace(/\/+$/, "").replace(/\/api\/v1$/, "");

  /** @param {boolean} [refresh] */
  const token = async (refresh = false) => (settings.getToken ? settings.getToken({ refresh }) : settings.token);

  /** @param {string | null | undefined} bearer @returns {Record<string, string>} */
  const identity = (bearer) => ({
    ...(bearer ? { Authorization: `Bearer ${bearer}` } : {}),
    ...(settings.userId ? { "X-User-Id": settings.userId } : {}),
  });

  /** @param {string} path @param {RequestInit} init */
  async function send(path, init) {
    const fetch = settings.fetch ?? globalThis.fetch;
    const bearer = await token();
    const ask = (/** @type {string | null | undefined} */ known) =>
      fetch(root + path, { ...init, headers: { ...identity(known), ...init.headers } });
    const answer = await ask(bearer);
    if (answer.status !== 401 || !settings.getToken) return answer;
    const fresh = await token(true);
    return fresh && fresh !== bearer ? ask(fresh) : answer;
  }

  /** @param {string} method @param {string} path @param {unknown} body @param {Options} options @returns {Promise<Answer>} */
  async function request(method, path, body, options) {
    const { signal, ...rest } = options;
    try {
      return await read(await send(`/api/v1${path}${query(rest)}`, {
        method,
        headers: headers(method, body, rest),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal ? { signal } : {}),
      }));
    } catch (error) {
      if (signal?.aborted) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      return { success: false, status: 0, error: reason, timestamp: new Date().toISOString() };
    }
  }

  /** @type {Record<string, (...given: any[]) => Promise<Answer>>} */
  const endpoints = {};
  for (const [name, [method, path, takesBody]] of Object.entries(ENDPOINTS)) {
    endpoints[name] = (...given) => {
      const filled = path.replace("{}", () => encodeURIComponent(String(given.shift())));
      const body = takesBody ? given.shift() ?? {} : undefined;
      return request(method, filled, body, given.shift() ?? {});
    };
  }
  return /** @type {WizardClient} */ (/** @type {unknown} */ ({ ...endpoints, ...settings, root, currentToken: token, send }));
}

/** @param {string} method @param {unknown} body @param {Options} options */
function headers(method, body, options) {
  /** @type {Record<string, string>} */
  const given = { Accept: "application/json" };
  if (body !== undefined) given["Content-Type"] = mediaType(method, body);
  if (KEYED.has(method)) given["Idempotency-Key"] = newId();
  for (const [option, name] of Object.entries(HEADERS)) {
    const value = options[option];
    if (value !== undefined && value !== null) given[name] = typeof value === "number" ? `"version-${value}"` : String(value);
  }
  return given;
}

/**
 * `patchState` takes a list of RFC 6902 operations or an RFC 7396 merge patch.
 * @param {string} method @param {unknown} body
 */
function mediaType(method, body) {
  if (method !== "PATCH") return "application/json";
  return Array.isArray(body) ? "application/json-patch+json" : "application/merge-patch+json";
}

/** @param {Options} options `sinceVersion` becomes `since_version`; a list is given as the server takes it */
function query(options) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(options)) {
    if (name in HEADERS || value === undefined || value === null) continue;
    const wire = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    if (Array.isArray(value) && name !== "watch") for (const each of value) parameters.append(wire, String(each));
    else parameters.append(wire, String(value));
  }
  const text = parameters.toString();
  return text && `?${text}`;
}

/** @param {Response} response @returns {Promise<Answer>} */
async function read(response) {
  const { status } = response;
  const etag = response.headers.get("ETag") ?? undefined;
  const text = status === 204 || status === 304 ? "" : await response.text();
  const body = text ? withoutNulls(parsed(text)) : undefined;
  const success = response.ok || status === 304;
  const problem = !success && body && typeof body === "object" && "code" in body ? body : undefined;
  const version = numbered(etag) ?? body?.version;
  const pause = retryAfter(response.headers.get("Retry-After"), Date.now());
  return {
    success: success && !(text && body === undefined),
    status,
    timestamp: body?.timestamp ?? new Date().toISOString(),
    ...(success && body !== undefined ? { data: body } : {}),
    ...(success ? (text && body === undefined ? { error: "the answer is no JSON" } : {}) : { error: sentence(problem, status) }),
    ...(problem ? { problem } : {}),
    ...(etag === undefined ? {} : { etag }),
    ...(version === undefined ? {} : { version }),
    ...(pause === undefined ? {} : { retryAfterMs: pause }),
  };
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @param {string | undefined} etag */
function numbered(etag) {
  const found = /"version-(\d+)"/.exec(etag ?? "");
  return found ? Number(found[1]) : undefined;
}
