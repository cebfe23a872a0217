import { csv, download } from "../../kit/download.js";
import { sorted } from "./findings.js";

/** @import { Here } from "../../types.js" */
/** @type {(keyof import("../../../client/index.js").Finding)[]} */
const COLUMNS = ["severity", "confidence", "title", "description", "evidence"];

/** Settings and results as one JSON file. @param {Here} here */
export function asJson({ id, state: { settings, results } }) {
  download(`${id}-results.json`, JSON.stringify({ investigation_id: id, settings, results }, null, 2), "application/json");
}

/** The findings as CSV, a row each. @param {Here} here */
export function asCsv({ id, state: { results } }) {
  const rows = sorted(results?.findings ?? []).map((finding) => COLUMNS.map((column) => finding[column]));
  download(`${id}-results.csv`, csv([COLUMNS, ...rows]), "text/csv");
}
