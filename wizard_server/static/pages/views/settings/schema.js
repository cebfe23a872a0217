/** @import { Found, Schema } from "../../types.js" */

/**
 * What is wrong with the parameters of a tool, by its JSON Schema.
 * @param {string} tool @param {Schema} schema @param {Record<string, any>} parameters
 */
export function wrongParameters(tool, schema, parameters) {
  const found = /** @type {Found} */ ({}), at = (/** @type {string} */ name) => `tools.${tool}.${name}`;
  for (const name of schema.required ?? []) if (parameters[name] === undefined) found[at(name)] = `${tool}: ${name} is required`;
  for (const [name, value] of Object.entries(parameters)) {
    const rule = broken(schema.properties?.[name] ?? {}, value);
    if (rule) found[at(name)] = `${tool}: ${name} must be ${rule}`;
  }
  return found;
}

/** The first rule that the value breaks, in words. @param {Schema} schema @param {any} value */
function broken({ type, minimum, maximum, enum: values }, value) {
  if (type === "integer" && !Number.isInteger(value)) return "a whole number";
  if (type === "number" && typeof value !== "number") return "a number";
  if (minimum !== undefined && value < minimum) return `at least ${minimum}`;
  if (maximum !== undefined && value > maximum) return `at most ${maximum}`;
  return values && !values.includes(value) ? `one of ${values.join(", ")}` : "";
}
