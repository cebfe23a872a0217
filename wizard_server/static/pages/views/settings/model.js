import { wrongParameters } from "./schema.js";

/** @import { Catalogue, Form, Found, Settings } from "../../types.js" */
/** The form's own shape is that of the specification's settings, complete or not. */
export const LIMITS = { entities: 10, name: 255 };
const DAY_MS = 86_400_000;

/** @type {[text: string, days: number][]} */
export const PRESETS = [["24 h", 1], ["7 d", 7], ["30 d", 30]];

/** @param {number} days */
export function lastDays(days, now = Date.now()) {
  const end = Math.floor(now / 60_000) * 60_000;
  return { start: new Date(end - days * DAY_MS).toISOString(), end: new Date(end).toISOString() };
}

/** @returns {Form} */
const blank = () =>
  ({ name: "", description: "", entities: [], time_range: lastDays(7), tools: [], correlation_mode: "OR", execution_mode: "parallel" });

/** Settings of the server as the form has them. @param {Settings | null | undefined} settings @returns {Form} */
export const formOf = (settings) => (settings ? { ...blank(), ...structuredClone(settings) } : blank());

/** The form as the server takes it. @param {Form} form @returns {Settings} */
export function settingsOf(form) {
  const { description, ...rest } = form;
  return {
    ...rest,
    ...(description ? { description } : {}),
    entities: form.entities.map(({ entity_type, entity_id, name }) => ({ entity_type, entity_id, ...(name ? { name } : {}) })),
    tools: form.tools.map(({ tool_name, enabled, parameters }) =>
      ({ tool_name, enabled, ...(Object.keys(parameters ?? {}).length ? { parameters } : {}) })),
  };
}

/** What is wrong, field by field, in the specification's words. @param {Form} form @param {Catalogue | null} catalogue */
export function problems(form, catalogue) {
  const found = /** @type {Found} */ ({});
  if (!form.name.trim()) found.name = "Investigation name is required";
  else if ([...form.name].length > LIMITS.name) found.name = "Investigation name must be 255 characters or less";
  if (!form.entities.length) found.entities = "At least one entity is required";
  if (form.entities.length > LIMITS.entities) found.entities = "Maximum 10 entities allowed";
    form.entities.forEach(({ entity_id: id, entity_type: type }, index) => {
    if (!id.trim()) found[`entities.${index}`] = "Entity identifier is required";
    else if (!type.trim()) found[`entities.${index}`] = "Entity type is required";
    else if (form.entities.findIndex((each) => each.entity_id === id && each.entity_type === type) < index)
      found[`entities.${index}`] = "This entity is listed already";
  });
  const { start, end } = form.time_range;
  if (!start || !end) found.time_range = "Start and end time are required";
  else if (Date.parse(end) <= Date.parse(start)) found.time_range = "End time must be after start time";
  if (!form.tools.length) found.tools = "At least one tool must be selected";
  else if (!form.tools.some(({ enabled }) => enabled)) found.tools = "At least one tool must be enabled";
  for (const { tool_name: name, enabled, parameters } of form.tools) {
    const schema = catalogue?.get(name);
    if (enabled && schema) Object.assign(found, wrongParameters(name, schema, parameters ?? {}));
  }
  return found;
}
