/**
 * @typedef {import("./client.types.js").Problem} Problem
 * @typedef {import("./client.types.js").Failure} Failure
 */

/** Status codes that say "not now": the same request may succeed later. 0 is a request that got no answer. */
const TRANSIENT = new Set([0, 408, 425, 429, 500, 502, 503, 504]);

/**
 * Whether the same request may succeed later; anything else is the server's last word on it.
 * @param {{status: number}} answer
 */
export const isTransient = (answer) => TRANSIENT.has(answer.status);

/**
 * Whether the server refused because somebody else changed the state meanwhile.
 * @param {{status: number, problem?: Problem}} answer
 */
export const isConflict = ({ status, problem }) =>
  status === 412 || (status === 409 && problem?.code === "version-conflict");

/**
 * What to show of a refusal: the problem's own sentence, and the fields that are wrong.
 * @param {Problem | undefined} problem
 * @param {number} status
 */
export function sentence(problem, status) {
  if (!problem) return status ? `the server answered ${status}` : "the server cannot be reached";
  const fields = (problem.errors ?? []).map(({ field, message }) => `${field}: ${message}`);
  const allowed = problem.allowed ? [`allowed: ${[problem.allowed].flat().join(", ")}`] : [];
  return [problem.detail ?? problem.title ?? problem.code, ...fields, ...allowed].join("; ");
}

/**
 * `Retry-After` in milliseconds: seconds or a date, as HTTP has them.
 * @param {string | null} header
 * @param {number} now milliseconds since 1970
 * @returns {number | undefined}
 */
export function retryAfter(header, now) {
  if (!header) return undefined;
  const seconds = Number(header);
  const milliseconds = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - now;
  return Number.isFinite(milliseconds) ? Math.max(0, milliseconds) : undefined;
}
