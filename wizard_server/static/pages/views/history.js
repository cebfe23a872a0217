import { h } from "../kit/dom.js";
import { slider } from "./history/slider.js";
import { createTrail } from "./history/trail.js";
import { createVersionView } from "./history/version_view.js";
import { createVersions } from "./history/versions.js";

/** @import { App, Here } from "../types.js" */
const SETTLED_MS = 200;

/** The trail in words, and every version of the state. @param {App} app @param {Here} here */
export function createHistory(app, here) {
  const trail = createTrail(app, here.id), versions = createVersions(app, here), versionView = createVersionView(app, here);
  let timer = 0, chosen = 0; // none: the newest, which goes on being the newest
  const newest = () => here.server.version, at = () => chosen || newest();
  const query = () => (chosen ? `?version=${chosen}` : "");
  const entered = () => { chosen = Math.max(0, Math.trunc(Number(app.router.query.get("version"))) || 0); };
  entered();

  /** Slide: the address follows when one stops. @param {number} version */
  function show(version) {
    chosen = version >= newest() ? 0 : Math.max(1, version);
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (app.router.route()?.tab === "history") history.replaceState(null, "", here.path("history") + query());
    }, SETTLED_MS);
    app.update();
  }

  return {
    entered,
    stop: () => clearTimeout(timer),
    keys: () => ({
      "[": { where: "page", does: "one version back", run: () => show(at() - 1) },
      "]": { where: "page", does: "one version on", run: () => show(at() + 1) },
    }),
    view() {
      trail.follow(newest());
      const state = versions.of(at()), before = at() > 1 ? versions.of(at() - 1) : /** @type {any} */ ({});
      const link = () => `${location.origin}${here.path("history")}?version=${at()}`;
      return [
        slider(app, { at: at(), newest: newest(), state, entries: trail.entries, show, link }),
        h("div", { class: "columns" }, versionView(at(), state, before), trail.view(at(), show)),
      ];
    },
  };
}
