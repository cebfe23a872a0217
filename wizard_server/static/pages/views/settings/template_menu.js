import { h } from "../../kit/dom.js";
import { ago, count } from "../../kit/format.js";
import { allTemplates } from "../../kit/templates.js";
import { button } from "../../parts/button.js";
import { asking, dialog } from "../../parts/dialog.js";
import { formOf, settingsOf } from "./model.js";

const TITLE = "Save as template";

/** Templates beside the form: load one into it, save it as one. */
export function createTemplateMenu(app, here, draft) {
  let shown = null, items = [], used = null;
  const show = (what) => { shown = what; app.update(); };
  const close = () => show(null);

  async function open() {
    show("load");
    const answer = await allTemplates(app.client, { sort: "name" });
    if (answer.success) items = answer.data.items;
    else { app.say(`No templates: ${answer.error}`, { tone: "error" }); shown = null; }
    app.update();
  }

  function take(template) {
    used = template;
    const { name } = draft.form;
    draft.edit({ ...formOf(template.settings), ...(name ? { name } : {}) });
    app.say(`The form holds “${template.name}”. Nothing was started.`);
    close();
  }

  async function store(request, said) {
    const answer = await request;
    if (answer.success) used = answer.data;
    app.say(answer.success ? said : `Template not saved: ${answer.error}`, { tone: answer.success ? "" : "error", lasts: 8000 });
  }

  const saveAs = (name) => store(app.client.createTemplate({ name, settings: settingsOf(draft.form) }), `Saved as template “${name}”.`);
  const save = () => store(app.client.updateTemplate(used.template_id, { settings: settingsOf(draft.form) }), `Template “${used.name}” saved.`);

  return {
    buttons: (incomplete) => h("div", { class: "actions templates-menu" },
      h("button", { type: "button", onclick: open }, "Load template"),
      used && h("button", { type: "button", disabled: incomplete, onclick: save }, "Save template"),
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

const facts = ({ settings, usage_count: used, updated_at: at }) => h("span", { class: "quiet small" },
  count(settings.entities.length, "entity", "entities"), " · used ", count(used, "time"), " · ", ago(at));
