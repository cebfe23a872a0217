/** @import { Entry } from "../../types.js" */
const FEWEST = 3;

/** @param {Entry | undefined} one @param {Entry} other */
const alike = (one, other) => one?.action_type === "PROGRESS_UPDATED" && other.action_type === one.action_type
  && other.user_id === one.user_id && other.source === one.source;

/** The entries in their order, reports of one author that follow each other as one run. @param {Entry[]} entries */
export function inRuns(entries) {
  const runs = /** @type {Entry[][]} */ ([]);
  for (const entry of entries) {
    const last = runs.at(-1);
    if (last && alike(last[0], entry)) last.push(entry);
    else runs.push([entry]);
  }
  return runs.flatMap((run) => (run.length < FEWEST ? run.map((entry) => [entry]) : [run]));
}
