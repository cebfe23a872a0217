import { h } from "../../kit/dom.js";
import { ago, count } from "../../kit/format.js";
import { allTemplates } from "../../kit/templates.js";
import { button } from "../../parts/button.js";
import { asking, dialog } from "../../parts/dialog.js";
import { formOf, settingsOf } from "./model.js";

/** @import { Answer, App, Draft, Render } from "../../types.js" */
/** @import { Template } from "../../../client/index.js" */
const TITLE = "Save as template";

/** Templates beside the form: load one into it, save it as one. @param {App} app @param {Draft} draft */
export function createTemplateMenu(app, draft) {
  let shown = "", items = /** @type {Template[]} */ ([]), used = /** @type {Template | null} */ (null);
  /** @param {string} what */
  const show = (what) => { shown = what; app.update(); };
  const close = () => show("");

  async function open() {
    show("load");
    const answer = await allTemplates(app.client, { sort: "name" });
    if (answer.success) items = answer.data.items;
    else { app.say(`No templates: ${answer.error}`, { tone: "error" }); shown = ""; }
    app.update();
  }

  /** @param {Template} template */
  function take(template) {
    used = template;
    const { name } = draft.form;
    draft.edit({ ...formOf(template.settings), ...(name ? { name } : {}) });
    app.say(`The form holds “${template.name}”. Nothing was started.`);
    close();
  }

  /** @param {Promise<Answer<Template>>} request @param {string} said */
  async function store(request, said) {
    const answer = await request;
    if (answer.success) used = answer.data;
    app.say(answer.success ? said : `Template not saved: ${answer.error}`, { tone: answer.success ? "" : "error", lasts: 8000 });
  }

  /** @param {string} name */
  const saveAs = (name) => store(app.client.createTemplate({ name, settings: settingsOf(draft.form) }), `Saved as template “${name}”.`);
  /** @param {Template} template */
  const save = ({ template_id: id, name }) => store(app.client.updateTemplate(id, { settings: settingsOf(draft.form) }), `Template “${name}” saved.`);

  return {
    /** @param {boolean} incomplete */
    buttons: (incomplete) => h("div", { class: "actions templates-menu" },
      h("button", { type: "button", onclick: open }, "Load template"),
      used && h("button", { type: "button", disabled: incomplete, onclick: () => used && save(used) }, "Save template"),
      button(TITLE, () => show("save"), { disabled: incomplete, title: incomplete ? "The settings are not complete" : null })),
    dialog() {
      if (shown === "save") return asking({ title: TITLE, label: "Name of the template", value: draft.form.name, action: TITLE, run: saveAs, close });
      if (shown !== "load") return null;
      return dialog({ title: "Load a template", reads: true, close },
        h("p", { class: "quiet small" }, items.length ? "It fills the form and starts nothing." : "No template yet."),
        h("ul", { class: "choices" }, items.map((template) => h("li", { key: template.template_id },
          button([h("b", { dir: "auto" }, template.name), facts(template)], () => take(template))))));
    },
  };
}

/** @type {Render<Template>} */
const facts = ({ settings, usage_count: used, updated_at: at }) => h("span", { class: "quiet small" },
  count(settings.entities.length, "entity", "entities"), " · used ", count(used, "time"), " · ", ago(at));
