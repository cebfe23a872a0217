/** @type {[type: string, pattern: RegExp][]} */
const KINDS = [
  ["email", /^[^\s@]+@[^\s@]+$/], ["ip", /^(\d{1,3}\.){3}\d{1,3}$|^[0-9a-f:]*:[0-9a-f:]+$/i], ["phone", /^\+\d{6,15}$/],
  ["card", /^\d{13,19}$|^card-/i], ["device_id", /^(d|dev|device)[-_]/i],
];
export const TYPES = ["user_id", "device_id", "email", "ip", "phone", "card", "merchant"];

/** Entities out of pasted lines: "type, id, name", "type id" or an id alone, whose type is guessed. @param {string} text */
export function pasted(text) {
  return text.split(/\r?\n/).map((line) => line.trim()).filter(Boolean).map((line) => {
    const cells = line.split(/\s*[\t,;]\s*/);
    const [first = "", second, ...rest] = cells.length > 1 ? cells : line.split(/\s+(.*)/).filter(Boolean);
    if (second && /^[a-z][a-z_]*$/i.test(first)) return { entity_type: first, entity_id: second, name: rest.join(", ") };
    return { entity_type: KINDS.find(([, pattern]) => pattern.test(first))?.[0] ?? "user_id", entity_id: first, name: second ?? "" };
  });
}
