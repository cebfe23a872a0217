import { h } from "../kit/dom.js";
import { age, duration, percent, secondsSince, stopwatch } from "../kit/format.js";
import { bar } from "../parts/bar.js";
import { agents } from "./progress/agents.js";
import { createLog } from "./progress/log.js";
import { createLogView } from "./progress/log_view.js";
import { phases } from "./progress/phases.js";

/** The run, live. */
export function createProgress(app, here) {
  const log = createLog(), logView = createLogView(app, log);
  let ready = false, offered = false, tab = "work", fed = null;
  const first = here.server;
  if (first.progress) {
    void log.replay(app.client, here.id, first).catch(() => false).then(() => { ready = true; take(); app.update(); });
  } else ready = true;

  function take() {
    const { progress, updated_at: at } = here.server;
    if (progress !== fed && ready) log.feed((fed = progress), at);
    if (!progress) log.clear();
  }

  function received(now, before) {
    take();
    const done = now.serverState?.wizard_step === "RESULTS", ran = before.serverState?.wizard_step === "PROGRESS";
    if (!done || !ran) return;
    const route = app.router.route();
    if (route.tab && route.tab !== "progress") return;
    if (logView.isReading) offered = true;
    else {
      app.say(now.serverState.status === "ERROR" ? "The investigation failed." : "The investigation is complete.");
      here.go("results");
    }
  }

  const cancel = () => here.ask({ title: "Cancel investigation", text: "The agents stop. What they reported is kept; the run cannot go on afterwards.", action: "Cancel investigation", run: () => here.update({ status: "CANCELLED" }) });
  const retry = () => here.update({ status: "IN_PROGRESS" });
  async function again() {
    await here.update({ wizard_step: "SETTINGS" });
    await here.update({ wizard_step: "PROGRESS" });
  }

  return {
    received,
    keys: () => ({ p: { where: "page", does: "pause or resume the log", run: logView.pause }, ...(isRunning(here.server) && here.isMine ? { x: { where: "page", does: "cancel the investigation", run: cancel } } : {}) }),
    view() {
      take();
      const { server } = here;
      if (!server.progress && server.wizard_step === "SETTINGS") return notStarted(here);
      const progress = server.progress ?? {}, running = isRunning(server);
      const ended = running ? null : here.state.results?.completed_at ?? server.updated_at;
      const showTab = (name) => () => { tab = name; app.update(); };
      return [
        banner(here, { offered, retry, again, cancel }),
        overall(server, progress, ended, running && !server.stalled && here.isMine && cancel),
        h("div", { class: "tabs", role: "tablist", "aria-label": "Parts" }, [["work", "Phases and agents"], ["log", `Log, ${log.lines.length}`]].map(([name, text]) =>
          h("button", { key: name, type: "button", role: "tab", "aria-selected": String(tab === name), onclick: showTab(name) }, text))),
        h("div", { class: `run shows-${tab}`, mounted: measure, updated: measure },
          h("div", { class: "work" }, phases(progress, ended ?? new Date().toISOString(), running), agents(progress, running),
            !progress.agents?.length && running && h("p", { class: "nothing quiet" }, `Started ${age(server.updated_at)}. Waiting for the first agent to report.`)),
          logView.view()),
        running && !server.stalled && here.isMine && h("footer", { class: `foot narrow` }, h("button", { type: "button", class: "danger", onclick: cancel }, "Cancel investigation")),
      ];
    },
  };
}

/** How much stands above: the log is as high as what is left of the window. */
const measure = (run) => run.style.setProperty("--above", `${run.offsetTop}px`);

const isRunning = ({ wizard_step: step, status }) => step === "PROGRESS" && status === "IN_PROGRESS";

function overall(server, { overall_progress: at = 0, current_phase: phase, started_at: started }, ended, cancel) {
  const tone = server.status === "ERROR" ? "error" : server.status === "COMPLETED" ? "done" : server.status === "CANCELLED" ? "pending" : server.stalled ? "waiting" : "running";
  const elapsed = started ? ((ended ? Date.parse(ended) : Date.now()) - Date.parse(started)) / 1000 : null;
  return h("section", { class: "overall", "aria-label": "Overall" },
    h("b", { class: "figure" }, percent(at)), bar(at, { label: "Overall progress", tone }),
    h("dl", { class: "facts" },
      phase && !ended && fact("phase", phase),
      elapsed !== null && fact("elapsed", stopwatch(elapsed)),
      !ended && fact("last report", age(server.updated_at))),
    cancel && h("button", { type: "button", class: "danger wide", onclick: cancel }, "Cancel investigation"));
}

const fact = (name, value) => h("div", { key: name }, h("dt", null, name), h("dd", { dir: "auto", title: value }, value));

function banner(here, { offered, retry, again, cancel }) {
  const { server } = here, act = (text, run, kind = "") => here.isMine && h("button", { type: "button", class: kind, onclick: run }, text);
  const results = h("a", { class: "button primary", href: here.path("results") }, "Go to the results");
  if (server.status === "ERROR") return h("p", { class: "banner error", role: "alert" }, h("span", null, "The investigation failed. Retry goes on with the same settings."), act("Retry", retry, "primary"), server.results && results);
  if (server.status === "CANCELLED") return h("p", { class: "banner" }, h("span", null, "Cancelled. What the agents reported until then stands below."), act("Start again", again));
  if (server.status === "COMPLETED") return h("p", { class: `banner done`, role: offered ? "alert" : null }, h("span", null, "The investigation is complete."), server.results && results);
  if (server.stalled) return h("p", { class: "banner waiting", role: "alert" }, h("span", null, `Stalled: no agent has reported for ${duration(secondsSince(server.updated_at))}. Start again, or cancel.`), act("Start again", again), act("Cancel investigation", cancel));
  return null;
}

const notStarted = (here) => h("section", { class: "empty" }, h("p", null, "Nothing runs yet. The investigation starts from its settings."), h("a", { class: "button primary", href: here.path("settings") }, "Settings"));
