import { createWizardStore, merge } from "../../client/index.js";
import { h } from "../kit/dom.js";
import { conflictDialog } from "../parts/conflict.js";
import { confirming } from "../parts/dialog.js";
import { chip, standing } from "../parts/mark.js";
import { steps } from "../parts/steps.js";
import { createHistory } from "./history.js";
import { createProgress } from "./progress.js";
import { createResults } from "./results.js";
import { createSettings } from "./settings.js";

/** @import { App, Closing, Here, Part, Question, Render, Route, State, Tab } from "../types.js" */
/** @import { Conflict } from "../../client/index.js" */
/** @type {Record<Tab, (app: App, here: Here) => Part>} */
const PARTS = { settings: createSettings, progress: createProgress, results: createResults, history: createHistory };
const TABS = /** @type {Tab[]} */ (Object.keys(PARTS)), SETTLED_MS = 50;
/** @type {Record<string, Tab>} */
const OF_STEP = { SETTINGS: "settings", PROGRESS: "progress", RESULTS: "results" };

/**
 * One investigation: its frame, and in it the part that the address names, or the one of the step where it stands.
 * @param {App} app @param {Route} route
 */
export function createInvestigation(app, { id = "" }) {
  const store = createWizardStore({ client: /** @type {any} */ (app.client) });
  const parts = /** @type {Partial<Record<Tab, Part>>} */ ({});
  let confirmed = /** @type {Closing<Question> | null} */ (null);

  const close = () => { confirmed = null; app.update(); };
  /** @type {Here} */
  const here = {
    id, store,
    get state() { return /** @type {State} */ (store.getState().wizardState); },
    get server() { return /** @type {State} */ (store.getState().serverState); },
    get isMine() { return this.state?.user_id === app.session.user || app.session.scopes.includes("wizard:agent"); },
    path: (tab) => app.href(`/investigations/${id}/${tab}`),
    go: (tab) => app.go(`/investigations/${id}/${tab}`),
    update: (updates) => store.getState().updateWizardState(/** @type {any} */ (updates)),
    ask(question) { confirmed = { ...question, close }; app.update(); },
    part: (name) => (parts[name] ??= PARTS[name](app, here)),
  };

  /** @param {Route | null} route @returns {Tab} */
  const tabOf = (route) => route?.tab ?? OF_STEP[here.server?.wizard_step] ?? "settings";

  /** An update that waits for its next attempt is no refusal. @param {string | null} error */
  function refused(error) {
    const { waiting, error: still } = store.getState();
    if (still === error && !waiting) app.say(`Not done: ${error}.`, { tone: "error", lasts: 12_000 });
  }

  /** What does not touch needs nobody's decision. @param {Conflict} conflict */
  function merges({ base, mine, theirs }) {
    const { merged, conflicts } = merge(base, mine, theirs);
    if (!conflicts.length) queueMicrotask(() => store.getState().resolveConflict(merged));
  }

  store.subscribe((now, before) => {
    if (now.conflict && now.conflict !== before.conflict) merges(now.conflict);
    if (now.error && now.error !== before.error && now.serverState) setTimeout(() => refused(now.error), SETTLED_MS);
    for (const part of Object.values(parts)) part.received?.(now, before);
    app.update();
  });
  void store.getState().openInvestigation(id);

  return {
    title: (/** @type {Route} */ route) => `${here.state?.settings?.name ?? "Untitled draft"}, ${tabOf(route)}`,
    stop() { for (const part of Object.values(parts)) part.stop?.(); store.destroy(); },
    entered: (/** @type {Route} */ route) => { if (here.server) here.part(tabOf(route)).entered?.(); },
    link() {
      const { connection, waiting, lastSyncedAt, polling, serverState, isLoading } = store.getState();
      if (!serverState && !isLoading && !polling.isPolling) return null;
      const syncedAt = [lastSyncedAt, polling.lastUpdate].filter(Boolean).sort().at(-1) ?? null;
      return { connection, waiting, syncedAt, hidden: !polling.isPolling };
    },
    dialog() {
      const { conflict } = store.getState();
      if (conflict) return conflictDialog(app, conflict, (choice) => store.getState().resolveConflict(choice));
      return confirmed ? confirming(confirmed) : Object.values(parts).map((part) => part.dialog?.()).find(Boolean);
    },
    keys: () => ({
      ...Object.fromEntries(TABS.map((name, index) => [String(index + 1), { where: "page", does: name, run: () => here.go(name) }])),
      ...here.state && here.part(tabOf(app.router.route())).keys?.(),
    }),
    /** @param {Route} route */
    view(route) {
      const { serverState, isLoading, error, polling } = store.getState();
      if (!serverState && isLoading) return h("p", { class: "nothing quiet late" }, "Loading the investigation");
      if (!serverState) return polling.isPolling ? away(error) : missing(app, id, error);
      const tab = tabOf(route);
      return [h("header", { key: "head", class: "subject" }, heading(here), steps(app, here, tab)),
        !here.isMine && h("p", { key: "whose", class: "banner waiting" },
          h("span", null, "Read-only: this belongs to ", h("b", null, h("bdi", null, serverState.user_id)), ".")),
        h("div", { key: tab, class: `part ${tab}` }, here.part(tab).view())];
    },
  };
}

/** @type {Render<Here>} */
const heading = ({ state }) => h("div", { class: "heading" },
  h("h1", { dir: "auto", title: state.settings?.name }, state.settings?.name ?? "Untitled draft"), chip(standing(state)));

/** @type {Render<string | null>} */
const away = (error) => h("p", { class: "banner waiting", role: "alert" },
  h("span", null, `The server cannot be reached${error ? ` (${error})` : ""}. The page goes on trying.`));

/** @param {App} app @param {string} id @param {string | null} error */
const missing = (app, id, error) => h("section", { class: "empty" }, h("h1", null, "Not to be seen"),
  h("p", null, error ? `${error.charAt(0).toUpperCase()}${error.slice(1)}.` : "", " It may have been deleted, or it belongs to somebody else."),
  h("p", { class: "mono quiet" }, id), h("a", { class: "button primary", href: app.href("/") }, "All investigations"));
