import { h } from "../kit/dom.js";
import { ago, count, number } from "../kit/format.js";
import { newId } from "../kit/ids.js";
import { asking, confirming } from "../parts/dialog.js";

/** The user's templates: start from one, rename, delete. */
export function createTemplates(app) {
  let items = null, limit = null, error = "", asked = null, confirmed = null, off = false;

  async function load() {
    const [answer, config] = await Promise.all([app.client.listTemplates({ pageSize: 100, sort: "-usage_count" }), app.client.config()]);
    if (answer.success) items = answer.data.items;
    else [error, off] = [answer.error, answer.problem?.code === "feature-disabled"];
    limit = config.data?.ui.maxTemplatesPerUser ?? null;
    app.update();
  }

  async function use(template) {
    const answer = await app.client.applyTemplate(template.template_id, { investigation_id: newId() });
    if (answer.success) app.go(`/investigations/${answer.data.investigation_id}/settings`);
    else app.say(`Not created: ${answer.error}`, { tone: "error" });
  }

  async function change(request, said) {
    const answer = await request;
    app.say(answer.success ? said : `Not done: ${answer.error}`, { tone: answer.success ? "" : "error" });
    await load();
  }

  const close = () => { asked = confirmed = null; app.update(); };
  const rename = (template) => {
    asked = { title: "Rename template", label: "Name", value: template.name, action: "Rename", close,
      run: (name) => change(app.client.updateTemplate(template.template_id, { name }), "Renamed.") };
    app.update();
  };
  const remove = (template) => {
    confirmed = { title: "Delete template", action: "Delete template", close,
      text: `“${template.name}” was used ${count(template.usage_count, "time")}. Investigations made from it stay.`,
      run: () => change(app.client.deleteTemplate(template.template_id), "Template deleted.") };
    app.update();
  };
  void load();

  return {
    title: () => "Templates",
    dialog: () => (asked ? asking(asked) : confirmed && confirming(confirmed)),
    view: () => [
      h("header", { class: "heading" }, h("h1", null, "Templates"),
        items && limit && h("p", { class: "quiet" }, `${number(items.length)} of ${number(limit)}`)),
      error && h("p", { class: "banner waiting", role: "alert" }, off ? "This server has templates switched off." : `${error}.`),
      items && !items.length && h("section", { class: "empty" },
        h("p", null, "No template yet. Configure an investigation, then choose “Save as template” at the foot of its settings."),
        h("a", { class: "button primary", href: app.href("/") }, "All investigations")),
      items?.length ? h("ul", { class: "cards" }, items.map((template) => card(template))) : null,
    ],
  };

  function card(template) {
    const { settings, name } = template;
    return h("li", { key: template.template_id, class: "card" },
      h("h2", { dir: "auto" }, name),
      template.description && h("p", { dir: "auto" }, template.description),
      h("p", { class: "quiet small" }, count(settings.entities.length, "entity", "entities"), " · ",
        count(settings.tools.filter((tool) => tool.enabled).length, "tool"), " · used ", count(template.usage_count, "time")),
      h("p", { class: "quiet small" }, ago(template.updated_at, "changed ")),
      h("footer", null,
        h("button", { type: "button", class: "primary", onclick: () => use(template) }, "New from this"),
        h("button", { type: "button", onclick: () => rename(template) }, "Rename"),
        h("button", { type: "button", class: "plain", onclick: () => remove(template) }, "Delete")));
  }
}
