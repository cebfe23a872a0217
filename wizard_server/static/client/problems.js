/** @import { Problem } from "./client.types.js" */
/** @import { Failed } from "./parts.types.js" */

const TRANSIENT = new Set([401, 408, 425, 429, 500, 502, 503, 504]);

/** Whether the same request may succeed later; below 400 it is not our server that answered. @param {Failed} answer */
export const isTransient = ({ status, retryAfterMs }) => status < 400 || TRANSIENT.has(status) || retryAfterMs !== undefined;

/** Whether somebody else changed the state meanwhile. @param {Failed} answer */
export const isConflict = ({ status, problem }) =>
  status === 412 || (status === 409 && problem?.code === "version-conflict");

/** What to show of a refusal: the problem's own sentence, and the fields that are wrong. @param {Problem | undefined} problem @param {number} status */
export function sentence(problem, status) {
  if (!problem) return status ? `the server answered ${status}` : "the server cannot be reached";
  const fields = (problem.errors ?? []).map(({ field, message }) => `${field}: ${message}`);
  const allowed = problem.allowed ? [`allowed: ${[problem.allowed].flat().join(", ")}`] : [];
  return [problem.detail ?? problem.title ?? problem.code, ...fields, ...allowed].join("; ");
}

/** `Retry-After`, seconds or a date, in milliseconds. @param {string | null} header @param {number} now */
export function retryAfter(header, now) {
  if (!header) return undefined;
  const seconds = Number(header);
  const milliseconds = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - now;
  return Number.isFinite(milliseconds) ? Math.max(0, milliseconds) : undefined;
}
