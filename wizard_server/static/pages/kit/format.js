import { h } from "./dom.js";

/** The seconds of each, the largest first. @type {[seconds: number, name: string][]} */
const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
const EXACT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const NUMBER = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 2 });

/** @typedef {string | number} Stamp */
/** @type {(stamp: Stamp) => string} */
export const exact = (stamp) => EXACT.format(new Date(stamp));
/** @type {(stamp: Stamp) => string} */
export const clock = (stamp) => CLOCK.format(new Date(stamp));
/** @type {(value: number) => string} */
export const number = (value) => NUMBER.format(value);
/** @param {number} n @param {string} one */
export const count = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;
/** @param {number | null | undefined} value */
export const percent = (value) => `${Math.floor(value ?? 0)} %`;
/** @param {string} stamp */
export const secondsSince = (stamp) => Math.max(0, (Date.now() - Date.parse(stamp)) / 1000);

/** "12 s", "2 min 10 s", "3 h 5 min": the two largest units. @param {number} seconds */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const first = UNITS.findIndex(([unit]) => whole >= unit);
  if (first < 0) return "0 s";
  const [unit, name] = /** @type {[number, string]} */ (UNITS[first]);
  const rest = whole % unit;
  const [smaller, its] = UNITS[first + 1] ?? [];
  const more = smaller ? Math.floor(rest / smaller) : 0;
  return `${Math.floor(whole / unit)} ${name}${more && first ? ` ${more} ${its}` : ""}`;
}

/** A coarse age: one unit, "now" below 2 s. @param {string} stamp */
export function age(stamp) {
  const seconds = secondsSince(stamp);
  if (seconds < 2) return "now";
  const [unit, name] = UNITS.find(([size]) => seconds >= size) ?? /** @type {[number, string]} */ ([1, "s"]);
  return `${Math.floor(seconds / unit)} ${name} ago`;
}

/** Relative to the eye; exact on hover and to machines. @param {string | null | undefined} stamp */
export const ago = (stamp, before = "") =>
  stamp ? h("time", { datetime: stamp, title: exact(stamp) }, before, age(stamp)) : null;

/** Minutes and seconds on a stopwatch: "14:02", "1:04:09". @param {number} seconds */
export function stopwatch(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  if (!parts[0]) parts.shift();
  return parts.map((part, index) => (index ? String(part).padStart(2, "0") : part)).join(":");
}
