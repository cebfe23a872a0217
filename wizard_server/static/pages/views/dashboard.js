import { h } from "../kit/dom.js";
import { ago, count, duration, number, percent, secondsSince } from "../kit/format.js";
import { newId } from "../kit/ids.js";
import { createList } from "../kit/list.js";
import { bar } from "../parts/bar.js";
import { asking } from "../parts/dialog.js";
import { chip, mark, severity, standing } from "../parts/mark.js";
import { createFilters, filterBar } from "./filters.js";

const UNDO_MS = 10_000;

/** All investigations, newest first. */
export function createDashboard(app) {
  const list = createList(app.client, app.update);
  const filters = createFilters(app);
  const leaving = new Map();
  const loadSince = Date.now();
  let asked = null;

  async function create(settings) {
    const answer = await app.client.createState({ investigation_id: newId(), user_id: app.session.user, ...(settings ? { settings } : {}) });
    if (answer.success) app.go(`/investigations/${answer.data.investigation_id}/settings`);
    else app.say(`Not created: ${answer.error}`, { tone: "error" });
  }

  async function duplicate(row) {
    const answer = await app.client.getState(row.investigation_id);
    if (!answer.success) return app.say(`Not duplicated: ${answer.error}`, { tone: "error" });
    const { settings } = answer.data;
    await create(settings && { ...settings, name: `${settings.name.slice(0, 248)} (copy)` });
  }

  /** It goes from the list at once and from the server after 10 s, unless it is taken back. */
  function remove(row) {
    const id = row.investigation_id;
    const timer = setTimeout(async () => {
      const answer = await app.client.deleteState(id);
      leaving.delete(id);
      if (answer.success || answer.status === 404) list.drop(id);
      else app.say(`Not deleted: ${answer.error}`, { tone: "error" });
      app.update();
    }, UNDO_MS);
    leaving.set(id, timer);
    app.say(`Deleted “${row.name ?? "Untitled draft"}”.`, {
      action: "Undo", lasts: UNDO_MS, run: () => { clearTimeout(timer); leaving.delete(id); app.update(); },
    });
  }

  const shown = () => filters.of([...list.rows.values()].filter((row) => !leaving.has(row.investigation_id)));

  function step(by) {
    const links = [...document.querySelectorAll(".investigations .name a")];
    links[Math.max(0, Math.min(links.length - 1, links.indexOf(document.activeElement) + by))]?.focus();
  }

  return {
    title: () => "Investigations",
    stop: () => list.stop(),
    link: () => ({ connection: list.connection, syncedAt: list.syncedAt, hidden: !list.ready && !list.error }),
    dialog: () => asked && asking({ ...asked, close: () => { asked = null; app.update(); } }),
    keys: () => ({
      n: { where: "page", does: "new investigation", run: () => create() },
      "/": { where: "page", does: "search", run: () => document.querySelector("input[type=search]")?.focus() },
      j: { where: "page", does: "next investigation", run: () => step(1) },
      k: { where: "page", does: "previous investigation", run: () => step(-1) },
    }),
    view() {
      const rows = shown();
      const isEmpty = list.ready && !list.rows.size;
      return [
        h("h1", { class: isEmpty ? "" : "visually-hidden" }, "Investigations"),
        list.error && h("p", { class: "banner waiting", role: "alert" },
          h("span", null, list.syncedAt ? `As of ${duration(secondsSince(list.syncedAt))} ago. ` : "", `${list.error}.`,
            ` Trying again in ${Math.max(0, Math.ceil((list.retryAt - Date.now()) / 1000))} s.`)),
        isEmpty ? empty(create) : [
          filterBar(app, filters, h("button", { class: "primary", type: "button", onclick: () => create() }, "New investigation")),
          list.ready ? table(rows) : Date.now() - loadSince > 300 ? skeleton() : null,
          list.ready && !rows.length && h("p", { class: "nothing quiet" }, "No investigation fits. ", h("button", { class: "small", type: "button", onclick: filters.clear }, "Clear the filters")),
          list.ready && list.total > list.rows.size && h("p", { class: "more" }, h("button", { type: "button", onclick: () => list.more() }, `Load more (${number(list.rows.size)} of ${number(list.total)})`)),
        ],
      ];
    },
  };

  function table(rows) {
    return h("ul", { class: "investigations", "aria-label": "Investigations" }, rows.map((row) => line(app, row, { duplicate, remove })));
  }
}

function line(app, row, { duplicate, remove }) {
  const stands = standing(row);
  const ended = row.status === "ERROR" || row.status === "CANCELLED";
  const running = row.wizard_step === "PROGRESS" && row.status === "IN_PROGRESS";
  const name = row.name ?? "Untitled draft";
  return h("li", { key: row.investigation_id, class: `row ${stands.kind}` },
    h("div", { class: "name" },
      h("a", { href: app.href(`/investigations/${row.investigation_id}`), dir: "auto", class: row.name ? "" : "quiet" }, name),
      h("p", { class: "quiet small" },
        row.entity_count != null && h("span", null, count(row.entity_count, "entity", "entities")),
        h("span", { class: "mono id" }, row.investigation_id),
        row.user_id !== app.session.user && h("bdi", { class: "owner" }, row.user_id))),
    h("div", { class: "stands" }, chip(stands)),
    h("div", { class: "how" }, running
      ? [bar(row.overall_progress, { label: `Progress of ${name}`, tone: row.stalled ? "waiting" : "running" }), h("b", null, percent(row.overall_progress))]
      : row.risk_score ? [h("b", { class: "score" }, row.risk_score.overall_score.toFixed(1)), severity(row.risk_score.risk_level)]
      : ended && row.overall_progress != null ? [bar(row.overall_progress, { label: `Progress of ${name}`, tone: stands.kind }), h("b", { class: "quiet" }, percent(row.overall_progress))] : null),
    h("div", { class: "phase quiet" }, running ? row.stalled ? `no report for ${duration(secondsSince(row.updated_at))}` : row.current_phase ?? "" : ""),
    h("div", { class: "when quiet" }, ago(row.updated_at)),
    h("div", { class: "acts" },
      h("button", { type: "button", class: "plain small", title: "A new draft with these settings", "aria-label": `Duplicate ${name}`, onclick: () => duplicate(row) }, "Duplicate"),
      h("button", { type: "button", class: "plain small", "aria-label": `Delete ${name}`, onclick: () => remove(row) }, "Delete")));
}

const JOB = [
  ["draft", "Settings", "Name what you suspect, whom it concerns, when, and which tools should look."],
  ["running", "Progress", "Agents work through their phases; each line that they write is here within milliseconds."],
  ["done", "Results", "A score, findings with their evidence, and the way to them, version by version."],
];

const empty = (create) => h("section", { class: "empty wide" },
  h("p", null, "Nothing investigated yet. The first step is a name."),
  h("ol", { class: "job" }, JOB.map(([kind, title, text]) => h("li", { key: kind }, h("h2", null, mark(kind), title), h("p", { class: "quiet" }, text)))),
  h("button", { class: "primary", type: "button", onclick: () => create() }, "New investigation"));

const skeleton = () => h("ul", { class: "investigations loading", "aria-hidden": "true" }, [1, 2, 3, 4].map((n) => h("li", { key: n, class: "row" }, h("i"))));
