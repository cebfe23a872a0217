import { differences } from "../../kit/differences.js";
import { h } from "../../kit/dom.js";
import { ago } from "../../kit/format.js";
import { button } from "../../parts/button.js";
import { tree } from "../../parts/tree.js";

/** @import { App, Child, Difference, Here, Past, Render, Settings, State } from "../../types.js" */
const SIGNS = { added: "+", removed: "−", changed: "±" };
/** @param {Child[]} content */
const section = (...content) => h("section", { class: "version", "aria-label": "The version" }, content);

/** One version: what changed in it, what the state was then, and the way back to its settings. @param {App} app @param {Here} here */
export function createVersionView(app, here) {
  let tab = "changes";

  /** @param {number} version @param {Settings} settings */
  function adopt(version, settings) {
    const open = here.server.wizard_step === "SETTINGS";
    here.ask({
      title: `Settings of version ${version}`, action: "Make them current",
      text: open ? "They replace the present settings."
        : "This ends the present run and goes back to the settings, which are then those of this version.",
      async run() {
        await here.update(open ? { settings } : { wizard_step: "SETTINGS", settings });
        here.go("settings");
      },
    });
  }

  const pick = (/** @type {string} */ name, /** @type {string} */ text) =>
    button(text, () => { tab = name; app.update(); }, { key: name, role: "tab", "aria-selected": String(tab === name) });

  return (/** @type {number} */ version, /** @type {Past | null} */ state, /** @type {Past | null} */ before) => {
    if (!state) return section(h("p", { class: "quiet late" }, "Loading the version"));
    if (state.missing !== undefined) return section(h("p", { class: "banner waiting" }, `${state.missing}.`));
    const found = before && before.missing === undefined ? differences(before, state) : null, { settings } = state;
    const differs = settings && JSON.stringify(settings) !== JSON.stringify(here.server.settings);
    return section(
      h("div", { class: "tabs always", role: "tablist" },
        pick("changes", found ? `What changed, ${found.length}` : "What changed"), pick("state", "State then")),
      tab === "state" ? whole(state) : found ? changes(found)
        : h("p", { class: "quiet" }, before?.missing ? "The version before is not kept." : "Loading"),
      h("p", { class: "quiet small" }, "Committed ", ago(state.updated_at)),
      differs && here.isMine && button("Make these settings current", () => adopt(version, settings)));
  };
}

/** @type {Render<State>} */
const whole = ({ wizard_step, status, settings = null, progress = null, results = null }) =>
  h("div", { class: "piece" }, tree({ wizard_step, status, settings, progress, results }));

/** @type {Render<Difference[]>} */
const changes = (found) => (found.length ? h("ul", { class: "diff" }, found.map(change)) : h("p", { class: "quiet" }, "Nothing but its mark."));

/** @type {Render<Difference>} */
const change = ({ path, kind, before, now }) => h("li", { key: path, class: kind },
  h("b", { class: "sign", title: kind, "aria-hidden": "true" }, SIGNS[kind]), h("span", { class: "visually-hidden" }, kind),
  h("span", { class: "path mono" }, path),
  h("div", { class: "values" }, before !== undefined && h("del", null, short(before)), now !== undefined && h("ins", null, short(now))));

/** @type {Render<unknown>} */
const short = (value) => (value && typeof value === "object" ? tree(value) : h("bdi", null, String(value)));
