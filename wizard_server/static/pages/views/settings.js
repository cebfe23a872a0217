import { focusOn, h } from "../kit/dom.js";
import { clock, count } from "../kit/format.js";
import { button } from "../parts/button.js";
import { conflictDialog } from "../parts/conflict.js";
import { createDraft } from "./settings/draft.js";
import { entities, pasting } from "./settings/entities.js";
import { marked, segments, wrong } from "./settings/fields.js";
import { problems } from "./settings/model.js";
import { createTemplateMenu } from "./settings/template_menu.js";
import { timeRange } from "./settings/time_range.js";
import { tools } from "./settings/tools.js";

/** @import { App, Catalogue, Draft, Edit, Found, Given, Here, Render } from "../types.js" */
/** @import { WizardStore } from "../../client/index.js" */
/** @type {[value: "AND" | "OR", text: string, hint: string][]} */
const CORRELATION = [["OR", "Any", "A finding counts where any tool supports it (OR)."], ["AND", "All", "A finding counts where all tools agree (AND)."]];
/** @type {[value: "parallel" | "sequential", text: string, hint: string][]} */
const EXECUTION = [["parallel", "Parallel", "All tools run at the same time."], ["sequential", "Sequential", "One tool runs after the other."]];

/** What to investigate: the form, its draft, and the start. @param {App} app @param {Here} here */
export function createSettings(app, here) {
  let catalogue = /** @type {Catalogue | null} */ (null), tried = false, dialog = "", starting = false, text = "";
  const draft = createDraft(app, here, () => catalogue);
  const menu = createTemplateMenu(app, draft);
  const search = { get text() { return text; }, set(/** @type {string} */ value) { text = value; app.update(); } };
  const touched = /** @type {Set<string>} */ (new Set()), opened = /** @type {Set<string>} */ (new Set());
  /** @type {Edit} */
  const edit = (changes) => { for (const name in changes) touched.add(name); draft.edit(changes); };
  const close = () => { dialog = ""; app.update(); };
  if (app.hasCatalogue) void app.client.tools().then((answer) => {
    if (answer.success) catalogue = new Map(answer.data.items.map((item) => [item.tool_name, item.parameters]));
    app.update();
  });

  async function start() {
    tried = true;
    app.update();
    if (Object.keys(problems(draft.form, catalogue)).length) return setTimeout(() => focusOn(".summary"), 50);
    starting = true;
    const saved = await draft.send();
    if (saved) await here.update({ wizard_step: "PROGRESS" });
    starting = false;
    if (here.server.wizard_step === "PROGRESS") here.go("progress");
    app.update();
  }

  const reset = () => here.ask({
    title: "Back to settings", text: "This ends the present run. Its progress and results leave the page; the history keeps them.", action: "Back to settings",
    run: () => here.update({ wizard_step: "SETTINGS" }),
  });

  return {
    received: (/** @type {WizardStore} */ now) => { if (now.wizardState) draft.received(now.wizardState.settings, now.waiting); },
    stop: () => draft.stop(),
    dialog: () => draft.conflict ? conflictDialog(app, draft.conflict, (choice) => draft.resolve(choice))
      : dialog === "paste" ? pasting({ form: draft.form, edit, close, say: app.say }) : menu.dialog(),
    keys: () => ({ s: { where: "page", does: "start the investigation", run: start } }),
    view() {
      const { form } = draft;
      const locked = here.server.wizard_step !== "SETTINGS" || !here.isMine;
      const all = locked ? {} : problems(form, catalogue);
      const found = Object.fromEntries(Object.entries(all).filter(([field]) => tried || touched.has(field.split(".")[0] ?? "")));
      /** @type {Given} */
      const given = { form, edit, found, locked, catalogue, search, opened, update: app.update, ask: (name) => { dialog = name; app.update(); } };
      return h("form", { class: "settings-form", novalidate: true, onsubmit: (event) => event.preventDefault() },
        locked && here.isMine && h("p", { class: "banner" },
          h("span", null, "Settings are closed while the investigation runs, and after it."), button("Back to settings", reset)),
        tried && Object.keys(all).length ? summary(all) : null,
        h("div", { class: "columns" },
          h("div", null, subject(given), entities(given), timeRange(given)),
          h("div", null, tools(given), h("fieldset", { class: "group modes", disabled: locked }, h("legend", null, "How"),
            segments("Correlation", form.correlation_mode, CORRELATION, (value) => edit({ correlation_mode: value })),
            segments("Execution", form.execution_mode, EXECUTION, (value) => edit({ execution_mode: value }))))),
        locked ? null : h("footer", { class: "foot" }, saveMark(here, draft, all),
          menu.buttons(Object.keys(all).length > 0),
          h("button", { type: "button", class: "primary", disabled: starting, onclick: start }, starting ? "Starting" : "Start investigation")));
    },
  };
}

/** @type {Render<Given>} */
const subject = ({ form, edit, found, locked }) => h("fieldset", { class: "group", disabled: locked }, h("legend", null, "Subject"),
  h("label", { class: "field" }, h("span", null, "Name"), h("input", {
    name: "name", value: form.name, dir: "auto", autocomplete: "off", oninput: (event) => edit({ name: event.target.value }), ...marked(found, "name"),
  })),
  wrong(found, "name"),
  h("label", { class: "field" }, h("span", null, "Description", h("small", { class: "quiet" }, " optional")), h("textarea", {
    name: "description", rows: "2", value: form.description ?? "", dir: "auto", oninput: (event) => edit({ description: event.target.value }),
  })));

/** @type {Render<Found>} */
const summary = (all) => h("div", { class: "summary banner error", role: "alert", tabindex: "-1" },
  h("b", null, `${count(Object.keys(all).length, "thing")} to mend before it can start`),
  h("ul", null, Object.entries(all).map(([field, message]) => h("li", { key: field }, message))));

/** @param {Here} here @param {Draft} draft @param {Found} all */
function saveMark(here, draft, all) {
  const missing = Object.keys(all).length;
  const { waiting, connection } = here.store.getState();
  const away = connection === "offline" || connection === "draining";
  const kept = draft.isKept ? "Kept in this browser" : "Kept in this page only";
  const dirty = draft.isDirty() || waiting > 0;
  const text = !dirty ? (draft.savedAt ? `Saved at ${clock(draft.savedAt)}` : here.server.settings ? "Saved" : "Nothing entered yet")
    : missing ? `${kept}; saved once it is complete` : away ? `${kept}; sent when the server is back` : "Saving";
  return h("p", { class: `saved ${dirty ? "dirty" : here.server.settings ? "" : "none"}`, role: "status" }, h("i", { "aria-hidden": "true" }), text);
}
