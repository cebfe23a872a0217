import { focusOn, h } from "../kit/dom.js";
import { number } from "../kit/format.js";
import { newId } from "../kit/ids.js";
import { createList } from "../kit/list.js";
import { button } from "../parts/button.js";
import { cutOff } from "../parts/cut_off.js";
import { empty } from "./dashboard/empty.js";
import { row } from "./dashboard/row.js";
import { createFilters, filterBar } from "./filters.js";

/** @import { App, Settings, Summary } from "../types.js" */
const UNDO_MS = 10_000;
/** What is deleted unless that is taken back, whichever view is open by then. @type {Set<string>} */
const leaving = new Set();

/** All investigations, newest first. @param {App} app */
export function createDashboard(app) {
  const list = createList(app.client, app.update);
  const filters = createFilters(app);
  const loadSince = Date.now();

  /** @param {Settings} [settings] */
  async function create(settings) {
    const answer = await app.client.createState({ investigation_id: newId(), user_id: app.session.user, ...(settings ? { settings } : {}) });
    if (answer.success) app.go(`/investigations/${answer.data.investigation_id}/settings`);
    else app.say(`Not created: ${answer.error}`, { tone: "error" });
  }

  /** @param {Summary} row */
  async function duplicate(row) {
    const answer = await app.client.getState(row.investigation_id);
    if (!answer.success) return app.say(`Not duplicated: ${answer.error}`, { tone: "error" });
    const { settings } = answer.data;
    await create(settings && { ...settings, name: `${settings.name.slice(0, 248)} (copy)` });
  }

  /** It goes from the list at once and from the server after 10 s, unless it is taken back. @param {Summary} row */
  function remove(row) {
    const id = row.investigation_id;
    const timer = setTimeout(async () => {
      const answer = await app.client.deleteState(id);
      leaving.delete(id);
      if (answer.success || answer.status === 404) list.drop(id);
      else app.say(`Not deleted: ${answer.error}`, { tone: "error" });
      app.update();
    }, UNDO_MS);
    leaving.add(id);
    step(document.activeElement?.closest("li")?.nextSibling ? 1 : -1);
    app.say(`Deleted “${row.name ?? "Untitled draft"}”.`, {
      action: "Undo", lasts: UNDO_MS, run: () => { clearTimeout(timer); leaving.delete(id); app.update(); },
    });
  }

  const shown = () => filters.of([...list.rows.values()].filter((row) => !leaving.has(row.investigation_id)));

  /** @param {number} by */
  function step(by) {
    const rows = [...document.querySelectorAll(".investigations > li")];
    const at = rows.findIndex((each) => each.contains(document.activeElement)) + by;
    rows[Math.max(0, Math.min(rows.length - 1, at))]?.querySelector("a")?.focus();
  }

  return {
    title: () => "Investigations",
    stop: () => list.link.stop(),
    link: () => list.link,
    keys: () => ({
      n: { where: "page", does: "new investigation", run: () => create() },
      "/": { where: "page", does: "search", run: () => focusOn("input[type=search]") },
      j: { where: "page", does: "next investigation", run: () => step(1) },
      k: { where: "page", does: "previous investigation", run: () => step(-1) },
    }),
    view() {
      const rows = shown();
      const isEmpty = list.ready && !list.rows.size;
      return [
        h("h1", { class: isEmpty ? "" : "visually-hidden" }, "Investigations"),
        cutOff(list.link),
        isEmpty ? empty(create) : [
          filterBar(filters, button("New investigation", () => create(), { class: "primary" })),
          list.ready ? table(rows) : Date.now() - loadSince > 300 ? skeleton() : null,
          list.ready && !rows.length && h("p", { class: "nothing quiet" },
            "No investigation fits. ", button("Clear the filters", filters.clear, { class: "small" })),
          list.ready && list.total > list.rows.size && h("p", { class: "more" },
            button(`Load more (${number(list.rows.size)} of ${number(list.total)})`, () => list.more())),
        ],
      ];
    },
  };

  /** @param {Summary[]} rows */
  function table(rows) {
    return h("ul", { class: "investigations", "aria-label": "Investigations" }, rows.map((summary) => row(app, summary, { duplicate, remove })));
  }
}

const skeleton = () => h("ul", { class: "investigations loading", "aria-hidden": "true" }, [1, 2, 3, 4].map((n) => h("li", { key: n, class: "row" }, h("i"))));
