/** What data may be drawn as, by its shape. */
/** @import { Series, Table } from "../../types.js" */
/** @type {(value: unknown) => value is number} */
export const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
/** @param {unknown} value */
const isTree = (value) => Boolean(value) && typeof value === "object";

/** @param {any} each @param {number} index @returns {any[]} */
function pointOf(each, index) {
  if (isNumber(each)) return [index, each];
  if (Array.isArray(each)) return each;
  return [each?.x ?? each?.t ?? each?.time ?? each?.timestamp ?? each?.label ?? index, each?.y ?? each?.value ?? each?.count];
}

/** The points of a series: numbers, pairs, or objects with x and y; null where it is none. @param {any} data @returns {Series[1] | null} */
function pointsOf(data) {
  const list = Array.isArray(data) ? data : data?.points ?? data?.values ?? data?.data;
  if (!Array.isArray(list) || list.length < 2) return null;
  const points = list.map(pointOf);
  return points.every(([, y]) => isNumber(y)) ? /** @type {Series[1]} */ (points) : null;
}

/** Names and their points; null where the data is no series. @param {any} data @returns {[Series, ...Series[]] | null} */
export function seriesOf(data) {
  const named = data?.series ?? data, whole = pointsOf(named);
  if (whole) return [["", whole]];
  if (!isTree(named)) return null;
  const list = Array.isArray(named) ? named.map((each, index) => [each?.name ?? `${index + 1}`, each]) : Object.entries(named);
  const series = list.map(([name, each]) => [name, pointsOf(each)]);
  return series.length && series.every(([, points]) => points) ? /** @type {[Series, ...Series[]]} */ (series) : null;
}

/** Columns and the cells of each row; null where the data is no table. @param {any} data @returns {Table | null} */
export function tableOf(data) {
  const rows = Array.isArray(data) ? data : data?.rows;
  if (!Array.isArray(rows) || !rows.length || !rows.every(isTree)) return null;
  const columns = /** @type {any[]} */ (data?.columns ?? [...new Set(rows.flatMap((row) => Object.keys(row)))]);
  const cells = (/** @type {any} */ row) => columns.map((each) => row[each?.key ?? each?.name ?? each]);
  return { columns: columns.map((each) => each?.name ?? String(each)), rows: rows.map((row) => (Array.isArray(row) ? row : cells(row))) };
}
