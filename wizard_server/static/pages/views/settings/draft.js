import { merge } from "../../../client/index.js";
import { load, save } from "../../kit/keep.js";
import { formOf, problems, settingsOf } from "./model.js";

/** @import { App, Catalogue, Form, Here, Settings } from "../../types.js" */
/** @import { Conflict, WizardStateUpdate } from "../../../client/index.js" */
const AUTOSAVE_MS = 800;
/** @param {unknown} one @param {unknown} other */
const same = (one, other) => JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
/** @param {any} value @returns {unknown} */
const sorted = (value) => (Array.isArray(value) ? value.map(sorted) : value && typeof value === "object"
  ? Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])])) : value);

/**
 * What is being typed: kept in this browser at once, sent 800 ms after the last key once it is complete.
 * @param {App} app @param {Here} here @param {() => Catalogue | null} catalogue
 */
export function createDraft(app, here, catalogue) {
  const name = `draft:${app.session.user}:${here.id}`;
  const kept = load(name);
  const start = /** @type {Settings} */ ((!here.state.settings && kept?.seen) || settingsOf(formOf(null)));
  /** The settings that the form was last level with: the server's, or an empty form where it has none. */
  let seen = here.state.settings ?? start;
  let form = /** @type {Form} */ (kept?.form ?? formOf(seen));
  let timer = 0, isKept = true, pending = false;
  let savedAt = /** @type {string | null} */ (null), conflict = /** @type {Conflict | null} */ (null);
  if (kept?.seen && !same(kept.seen, seen)) overtaken(kept.seen, seen);

  /** @param {Partial<Form>} changes */
  function edit(changes) {
    form = { ...form, ...changes };
    isKept = save(name, { form, seen });
    clearTimeout(timer);
    timer = setTimeout(send, AUTOSAVE_MS);
    app.update();
  }

  const isDirty = () => !same(settingsOf(form), settingsOf(formOf(seen)));

  /** Send what is complete; resolves when it was answered, and says whether the server has it. */
  async function send() {
    clearTimeout(timer);
    if (conflict || here.server.wizard_step !== "SETTINGS" || Object.keys(problems(form, catalogue())).length) return false;
    if (!isDirty()) return true;
    await here.update({ settings: settingsOf(form) });
    return !isDirty();
  }

  /** The server has other settings than before: mine, or somebody's. @param {Settings | undefined} settings @param {number} waiting */
  function received(settings, waiting) {
    if (!waiting && pending) [savedAt, pending] = [new Date().toISOString(), false];
    if (waiting) pending = true;
    const theirs = settings ?? start;
    if (same(theirs, seen)) return;
    if (isDirty()) overtaken(seen, theirs);
    else form = formOf(theirs);
    seen = theirs;
    settle();
  }

  /** @param {Settings} base @param {Settings} theirs */
  function overtaken(base, theirs) {
    const mine = settingsOf(form);
    const { merged, conflicts } = merge(base, mine, theirs);
    if (conflicts.length) conflict = { fields: ["settings"], base: { settings: base }, mine: { settings: mine }, theirs: { settings: theirs } };
    else form = formOf(merged);
    if (!conflict) timer = setTimeout(send, AUTOSAVE_MS);
  }

  function settle() {
    if (!isDirty()) save(name, null);
  }

  return {
    get form() { return form; },
    get savedAt() { return savedAt; },
    /** Does what is typed survive a reload? */
    get isKept() { return isKept; },
    get conflict() { return conflict; },
    edit, send, received, isDirty,
    /** End a conflict by what was decided. @param {WizardStateUpdate} decided */
    resolve({ settings }) {
      conflict = null;
      form = formOf(settings);
      edit({});
    },
    stop() { clearTimeout(timer); void send(); },
  };
}
