import { h } from "../kit/dom.js";
import { ago, count, number } from "../kit/format.js";
import { newId } from "../kit/ids.js";
import { createLink, untilStopped } from "../kit/link.js";
import { allTemplates } from "../kit/templates.js";
import { cutOff } from "../parts/cut_off.js";
import { asking, confirming } from "../parts/dialog.js";

/** @import { App, Asked, Closing, Question } from "../types.js" */
/** @import { Template } from "../../client/index.js" */
const AGAIN_MS = 30_000;

/** The user's templates: start from one, rename, delete. @param {App} app */
export function createTemplates(app) {
  let items = /** @type {Template[] | null} */ (null), limit = /** @type {number | undefined} */ (undefined);
  let asked = /** @type {Asked | null} */ (null), confirmed = /** @type {Closing<Question> | null} */ (null);
  const link = createLink(app.update, "polling");

  async function follow() {
    while (!link.signal.aborted) {
      if (document.hidden && items) { await link.pause(AGAIN_MS); continue; }
      const answer = await link.ask((signal) => allTemplates(app.client, { sort: "-usage_count", signal }));
      if (!answer.success) continue;
      items = answer.data.items;
      app.update();
      limit ??= (await app.client.config()).data?.ui.maxTemplatesPerUser;
      app.update();
      await link.pause(AGAIN_MS);
    }
  }

  /** @param {Template} template */
  async function use(template) {
    const answer = await app.client.applyTemplate(template.template_id, { investigation_id: newId() });
    if (answer.success) app.go(`/investigations/${answer.data.investigation_id}/settings`);
    else app.say(`Not created: ${answer.error}`, { tone: "error" });
  }

  /** @param {Promise<{ success: boolean, error?: string | undefined }>} request @param {string} said */
  async function change(request, said) {
    const answer = await request;
    app.say(answer.success ? said : `Not done: ${answer.error}`, { tone: answer.success ? "" : "error" });
    link.hurry();
  }

  const close = () => { asked = confirmed = null; app.update(); };
  /** @param {Template} template */
  const rename = (template) => {
    asked = { title: "Rename template", label: "Name", value: template.name, action: "Rename", close,
      run: (name) => change(app.client.updateTemplate(template.template_id, { name }), "Renamed.") };
    app.update();
  };
  /** @param {Template} template */
  const remove = (template) => {
    confirmed = { title: "Delete template", action: "Delete template", close,
      text: `“${template.name}” was used ${count(template.usage_count, "time")}. Investigations made from it stay.`,
      run: () => change(app.client.deleteTemplate(template.template_id), "Template deleted.") };
    app.update();
  };
  untilStopped(link, follow);

  return {
    title: () => "Templates",
    link: () => link,
    stop: link.stop,
    dialog: () => (asked ? asking(asked) : confirmed && confirming(confirmed)),
    view: () => [
      h("header", { class: "heading" }, h("h1", null, "Templates"),
        items && limit && h("p", { class: "quiet" }, `${number(items.length)} of ${number(limit)}`)),
      link.refusal === "feature-disabled" ? h("p", { class: "banner waiting", role: "alert" }, "This server has templates switched off.") : cutOff(link),
      items && !items.length && h("section", { class: "empty" },
        h("p", null, "No template yet. Configure an investigation, then choose “Save as template” at the foot of its settings."),
        h("a", { class: "button primary", href: app.href("/") }, "All investigations")),
      items?.length ? h("ul", { class: "cards" }, items.map((template) => card(template))) : null,
    ],
  };

  /** @param {Template} template */
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
