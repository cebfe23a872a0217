/** The form's own shape is that of the specification's settings, complete or not. */
export const LIMITS = { entities: 10, name: 255 };
const DAY_MS = 86_400_000;

export const PRESETS = [["24 h", 1], ["7 d", 7], ["30 d", 30]];

export function lastDays(days, now = Date.now()) {
  const end = Math.floor(now / 60_000) * 60_000;
  return { start: new Date(end - days * DAY_MS).toISOString(), end: new Date(end).toISOString() };
}

export const blank = () => ({ name: "", description: "", entities: [], time_range: lastDays(7), tools: [], correlation_mode: "OR", execution_mode: "parallel" });

/** Settings of the server as the form has them. */
export const formOf = (settings) => (settings ? { ...blank(), ...structuredClone(settings) } : blank());

/** The form as the server takes it. */
export function settingsOf(form) {
  const { description, ...rest } = form;
  return {
    ...rest,
    ...(description ? { description } : {}),
    entities: form.entities.map(({ entity_type, entity_id, name }) => ({ entity_type, entity_id, ...(name ? { name } : {}) })),
    tools: form.tools.map(({ tool_name, enabled, parameters }) => ({ tool_name, enabled, ...(parameters && Object.keys(parameters).length ? { parameters } : {}) })),
  };
}

/** What is wrong, field by field, in the specification's words. */
export function problems(form, catalogue) {
  const found = {};
  if (!form.name.trim()) found.name = "Investigation name is required";
  else if ([...form.name].length > LIMITS.name) found.name = "Investigation name must be 255 characters or less";
  if (!form.entities.length) found.entities = "At least one entity is required";
  if (form.entities.length > LIMITS.entities) found.entities = "Maximum 10 entities allowed";
  form.entities.forEach(({ entity_id: id, entity_type: type }, index) => {
    if (!id.trim()) found[`entities.${index}`] = "Entity identifier is required";
    else if (!type.trim()) found[`entities.${index}`] = "Entity type is required";
    else if (form.entities.findIndex((each) => each.entity_id === id && each.entity_type === type) < index) found[`entities.${index}`] = "This entity is listed already";
  });
  const { start, end } = form.time_range;
  if (!start || !end) found.time_range = "Start and end time are required";
  else if (Date.parse(end) <= Date.parse(start)) found.time_range = "End time must be after start time";
  if (!form.tools.length) found.tools = "At least one tool must be selected";
  else if (!form.tools.some(({ enabled }) => enabled)) found.tools = "At least one tool must be enabled";
  for (const { tool_name: name, enabled, parameters } of form.tools) {
    if (enabled && catalogue?.has(name)) Object.assign(found, wrongParameters(name, catalogue.get(name), parameters ?? {}));
  }
  return found;
}

function wrongParameters(tool, schema, parameters) {
  const found = {};
  for (const name of schema.required ?? []) if (parameters[name] === undefined) found[`tools.${tool}.${name}`] = `${tool}: ${name} is required`;
  for (const [name, value] of Object.entries(parameters)) {
    const { type, minimum, maximum, enum: values } = schema.properties?.[name] ?? {};
    const where = `tools.${tool}.${name}`;
    if ((type === "integer" && !Number.isInteger(value)) || (type === "number" && typeof value !== "number")) found[where] = `${tool}: ${name} must be ${type === "integer" ? "a whole number" : "a number"}`;
    else if (value < minimum) found[where] = `${tool}: ${name} must be at least ${minimum}`;
    else if (value > maximum) found[where] = `${tool}: ${name} must be at most ${maximum}`;
    else if (values && !values.includes(value)) found[where] = `${tool}: ${name} must be one of ${values.join(", ")}`;
  }
  return found;
}

const KINDS = [["email", /^[^\s@]+@[^\s@]+$/], ["ip", /^(\d{1,3}\.){3}\d{1,3}$|^[0-9a-f:]*:[0-9a-f:]+$/i], ["phone", /^\+\d{6,15}$/], ["card", /^\d{13,19}$|^card-/i], ["device_id", /^(d|dev|device)[-_]/i]];
export const TYPES = ["user_id", "device_id", "email", "ip", "phone", "card", "merchant"];

/** Entities out of pasted lines: "type, id, name", "type id" or an id alone, whose type is guessed. */
export function pasted(text) {
  return text.split(/\r?\n/).map((line) => line.trim()).filter(Boolean).map((line) => {
    const cells = line.split(/\s*[\t,;]\s*/);
    const [first, second, ...rest] = cells.length > 1 ? cells : line.split(/\s+(.*)/).filter(Boolean);
    if (second && /^[a-z][a-z_]*$/i.test(first)) return { entity_type: first, entity_id: second, name: rest.join(", ") };
    return { entity_type: KINDS.find(([, pattern]) => pattern.test(first))?.[0] ?? "user_id", entity_id: first, name: second ?? "" };
  });
}
