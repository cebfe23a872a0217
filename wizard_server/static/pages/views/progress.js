import { h } from "../kit/dom.js";
import { age, number } from "../kit/format.js";
import { button } from "../parts/button.js";
import { agents } from "./progress/agents.js";
import { banner } from "./progress/banner.js";
import { createLog } from "./progress/log.js";
import { createLogView } from "./progress/log_view.js";
import { overall } from "./progress/overall.js";
import { phases } from "./progress/phases.js";

/** @import { App, Here, Render, State } from "../types.js" */
/** @import { InvestigationProgress, WizardStore } from "../../client/index.js" */

/** The run, live. @param {App} app @param {Here} here */
export function createProgress(app, here) {
  const log = createLog(), logView = createLogView(app, log);
  let ready = false, offered = false, tab = "work", fed = /** @type {InvestigationProgress | null | undefined} */ (null);
  const first = here.server;
  if (first.progress) {
    void log.replay(app.client, here.id, first).catch(() => false).then(() => { ready = true; take(); app.update(); });
  } else ready = true;

  function take() {
    const { progress, updated_at: at } = here.server;
    if (progress !== fed && ready) log.feed((fed = progress), at);
    if (!progress) log.clear();
  }

  /** @param {WizardStore} now @param {WizardStore} before */
  function received(now, before) {
    take();
    const done = now.serverState?.wizard_step === "RESULTS", ran = before.serverState?.wizard_step === "PROGRESS";
    if (!done || !ran) return;
    const route = app.router.route();
    if (route?.tab && route.tab !== "progress") return;
    if (logView.isReading) offered = true;
    else {
      app.say(now.serverState?.status === "ERROR" ? "The investigation failed." : "The investigation is complete.");
      here.go("results");
    }
  }

  const cancel = () => here.ask({
    title: "Cancel investigation", action: "Cancel investigation", run: () => here.update({ status: "CANCELLED" }),
    text: "The agents stop. What they reported is kept; the run cannot go on afterwards.",
  });
  const retry = () => here.update({ status: "IN_PROGRESS" });
  async function again() {
    await here.update({ wizard_step: "SETTINGS" });
    await here.update({ wizard_step: "PROGRESS" });
  }

  return {
    received,
    keys: () => ({
      p: { where: "page", does: "pause or resume the log", run: logView.pause },
      ...(isRunning(here.server) && here.isMine && { x: { where: "page", does: "cancel the investigation", run: cancel } }),
    }),
    view() {
      take();
      const { server } = here;
      if (!server.progress && server.wizard_step === "SETTINGS") return notStarted(here);
      const progress = server.progress ?? NONE, running = isRunning(server);
      const ended = running ? null : here.state.results?.completed_at ?? server.updated_at;
      const mayCancel = running && !server.stalled && here.isMine;
      const pick = (/** @type {string} */ name, /** @type {string} */ text) =>
        button(text, () => { tab = name; app.update(); }, { key: name, role: "tab", "aria-selected": String(tab === name) });
      return [
        banner(here, { offered, retry, again, cancel }),
        overall(server, progress, ended, mayCancel && cancel),
        h("div", { class: "tabs", role: "tablist", "aria-label": "Parts" },
          pick("work", "Phases and agents"), pick("log", `Log, ${number(log.lines.length)}`)),
        h("div", { class: `run shows-${tab}`, mounted: measure, updated: measure },
          h("div", { class: "work" }, phases(progress, ended ?? new Date().toISOString(), running), agents(progress, running),
            !progress.agents?.length && running && awaiting(server)),
          logView.view()),
        mayCancel && h("footer", { class: "foot narrow" }, button("Cancel investigation", cancel, { class: "danger" })),
      ];
    },
  };
}

const NONE = { overall_progress: 0, phases: [], agents: [], logs: [] };

/** How much stands above: the log is as high as what is left of the window. @param {HTMLElement} run */
const measure = (run) => run.style.setProperty("--above", `${run.offsetTop}px`);

/** @param {State} state */
const isRunning = ({ wizard_step: step, status }) => step === "PROGRESS" && status === "IN_PROGRESS";

/** @type {Render<State>} */
const awaiting = (server) =>
  h("p", { class: "nothing quiet" }, `Started ${age(server.updated_at)}. Waiting for the first agent to report.`);

/** @type {Render<Here>} */
const notStarted = (here) => h("section", { class: "empty" },
  h("p", null, "Nothing runs yet. The investigation starts from its settings."),
  h("a", { class: "button primary", href: here.path("settings") }, "Settings"));
