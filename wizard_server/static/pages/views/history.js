import { h } from "../kit/dom.js";
import { ago, count, exact, number } from "../kit/format.js";
import { copyButton } from "../parts/copy.js";
import { chip, standing } from "../parts/mark.js";
import { tree } from "../parts/tree.js";
import { differences, inWords, over } from "./history/words.js";

const PAGE = 50;

/** The trail in words, and every version of the state. */
export function createHistory(app, here) {
  const states = new Map();
  let items = null, total = 0, page = 0, error = "", filter = { action: "", source: "" }, version = Number(app.router.query.get("version")) || 0, known = 0, timer = 0, tab = "changes";

  const query = (more) => ({ pageSize: PAGE, ...(filter.action ? { action_type: filter.action } : {}), ...(filter.source ? { source: filter.source } : {}), ...more });

  async function load(more = false) {
    const wanted = more ? page + 1 : 1, asked = filter;
    const answer = await app.client.history(here.id, query({ page: wanted }));
    if (asked !== filter) return;
    if (answer.success) [items, total, page, error] = [more ? [...items, ...answer.data.items] : answer.data.items, answer.data.total, wanted, ""];
    else error = answer.problem?.code === "feature-disabled" ? "This server keeps no trail." : `${answer.error}.`;
    app.update();
  }

  const at = () => version || here.server.version;

  function need(n) {
    if (n < 1 || states.has(n)) return states.get(n);
    states.set(n, null);
    void app.client.getState(here.id, { version: n }).then((answer) => { states.set(n, answer.success ? answer.data : { missing: answer.error }); app.update(); });
    return null;
  }

  /** Slide: the address follows when one stops. */
  function show(n) {
    version = n >= here.server.version ? 0 : Math.max(1, n);
    clearTimeout(timer);
    timer = setTimeout(() => { if (app.router.route()?.tab === "history") history.replaceState(null, "", here.path("history") + (version ? `?version=${version}` : "")); }, 200);
    app.update();
  }

  const adopt = (settings) => here.ask({ title: `Settings of version ${at()}`, text: here.server.wizard_step === "SETTINGS" ? "They replace the present settings." : "This ends the present run and goes back to the settings, which are then those of this version.", action: "Make them current",
    run: async () => { await here.update(here.server.wizard_step === "SETTINGS" ? { settings } : { wizard_step: "SETTINGS", settings }); here.go("settings"); } });

  return {
    entered: () => { version = Number(app.router.query.get("version")) || 0; },
    stop: () => clearTimeout(timer),
    keys: () => ({ "[": { where: "page", does: "one version back", run: () => show(at() - 1) }, "]": { where: "page", does: "one version on", run: () => show(at() + 1) } }),
    view() {
      if (known !== here.server.version) { known = here.server.version; if (page <= 1) void load(); }
      const state = at() === here.server.version ? here.server : need(at());
      return [slider(state), h("div", { class: "columns" }, shownVersion(state), trail())];
    },
  };

  function slider(state) {
    const newest = here.server.version;
    return h("section", { class: "slider", "aria-label": "Versions" },
      h("div", { class: "heading" },
        h("h2", null, `Version ${number(at())}`, h("span", { class: "quiet count" }, `of ${number(newest)}`)), state && !state.missing && chip(standing(state)),
        h("div", { class: "actions" },
          h("button", { type: "button", class: "small", disabled: at() <= 1, "aria-label": "One version back", onclick: () => show(at() - 1) }, "◂"),
          h("button", { type: "button", class: "small", disabled: at() >= newest, "aria-label": "One version on", onclick: () => show(at() + 1) }, "▸"),
          version ? h("button", { type: "button", class: "small", onclick: () => show(newest) }, "Newest") : null,
          copyButton(app, "Copy link", () => `${location.origin}${here.path("history")}?version=${at()}`, "Link copied."))),
      h("input", { type: "range", min: "1", max: String(newest), value: String(at()), "aria-label": "Version", "aria-valuetext": `version ${at()} of ${newest}`, list: "", oninput: (event) => show(Number(event.target.value)) }),
      items && newest <= 400 && h("div", { class: "ticks", "aria-hidden": "true" }, items.filter((each) => each.version).map((each) =>
        h("i", { key: each.entry_id, class: each.action_type.toLowerCase(), style: { "--at": String(newest > 1 ? (each.version - 1) / (newest - 1) : 0) } }))));
  }

  function shownVersion(state) {
    if (!state) return h("section", { class: "version" }, h("p", { class: "quiet late" }, "Loading the version"));
    if (state.missing) return h("section", { class: "version" }, h("p", { class: "banner waiting" }, `${state.missing}.`));
    const before = at() > 1 ? need(at() - 1) : {};
    const found = before && !before.missing ? differences(before, state) : null;
    const pick = (name, text) => h("button", { key: name, type: "button", role: "tab", "aria-selected": String(tab === name), onclick: () => { tab = name; app.update(); } }, text);
    const { settings } = state;
    return h("section", { class: "version", "aria-label": "The version" },
      h("div", { class: "tabs always", role: "tablist" }, pick("changes", found ? `What changed, ${found.length}` : "What changed"), pick("state", "State then")),
      tab === "state" ? h("div", { class: "piece" }, tree({ wizard_step: state.wizard_step, status: state.status, settings: settings ?? null, progress: state.progress ?? null, results: state.results ?? null }))
        : found ? changes(found) : h("p", { class: "quiet" }, before?.missing ? "The version before is not kept." : "Loading"),
      h("p", { class: "quiet small" }, "Committed ", ago(state.updated_at)),
      settings && here.isMine && JSON.stringify(settings) !== JSON.stringify(here.server.settings) && h("button", { type: "button", onclick: () => adopt(settings) }, "Make these settings current"));
  }

  function trail() {
    const choose = (name, label, options) => h("select", { "aria-label": label, value: filter[name], onchange: (event) => { filter = { ...filter, [name]: event.target.value }; void load(); } }, options.map(([value, text]) => h("option", { key: value, value }, text)));
    return h("section", { class: "trail", "aria-label": "Trail" },
      h("div", { class: "heading" }, h("h2", null, "Trail", h("span", { class: "quiet count" }, number(total))),
        h("div", { class: "actions" }, choose("action", "Action", [["", "everything"], ["STATE_CHANGE", "changes"], ["PROGRESS_UPDATED", "progress"], ["STATE_CREATED", "creation"], ["TEMPLATE_APPLIED", "templates"]]),
          choose("source", "Source", [["", "every source"], ["USER", "by hand"], ["SYSTEM", "agents"], ["WEBSOCKET", "WebSocket"], ["POLLING", "polling"]]))),
      error && h("p", { class: "banner waiting" }, error),
      items && h("ol", null, items.map((entry) => h("li", { key: entry.entry_id, class: entry.version === at() ? "now" : "" },
        h("button", { type: "button", disabled: !entry.version, onclick: () => show(entry.version) },
          h("i", { class: entry.action_type.toLowerCase(), "aria-hidden": "true" }), h("span", null, h("b", null, h("bdi", null, entry.user_id)), " ", inWords(entry)),
          h("span", { class: "quiet small" }, entry.version ? `version ${entry.version} · ` : "", over(entry.source), " · ", h("time", { datetime: entry.timestamp }, exact(entry.timestamp))))))),
      items && items.length < total && h("button", { type: "button", onclick: () => load(true) }, `Load more (${number(items.length)} of ${number(total)})`));
  }
}

const changes = (found) => found.length ? h("ul", { class: "diff" }, found.map(({ path, kind, before, now }) => h("li", { key: path, class: kind },
  h("b", { class: "sign", title: kind }, kind === "added" ? "+" : kind === "removed" ? "−" : "±"), h("span", { class: "visually-hidden" }, kind), h("span", { class: "path mono" }, path),
  h("div", { class: "values" }, before !== undefined && h("del", null, short(before)), now !== undefined && h("ins", null, short(now)))))) : h("p", { class: "quiet" }, `Nothing but its ${count(1, "mark")}.`);

const short = (value) => (value && typeof value === "object" ? tree(value) : h("bdi", null, String(value)));
