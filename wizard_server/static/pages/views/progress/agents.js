import { h } from "../../kit/dom.js";
import { count, percent } from "../../kit/format.js";
import { bar } from "../../parts/bar.js";
import { mark } from "../../parts/mark.js";

/** @import { AgentStatus, InvestigationProgress } from "../../../client/index.js" */
/** @type {[pattern: RegExp, kind: string][]} */
const KINDS = [
  [/^(run|work|act|busy|in.?progress)/i, "running"], [/^(done|complete|finish|success|ok)/i, "done"],
  [/^(err|fail)/i, "error"], [/^(wait|pause|block)/i, "waiting"], [/^(idle|pend|queue)/i, "pending"],
];
/** @param {string} status */
const kindOf = (status) => KINDS.find(([pattern]) => pattern.test(status))?.[1] ?? "pending";

/** The agents as cards: how far each is, and what it said last. @param {InvestigationProgress} progress @param {boolean} running */
export const agents = ({ agents: list = [] }, running) => (list.length ? h("section", { class: "agents", "aria-label": "Agents" },
  h("h2", null, "Agents", h("span", { class: "quiet count" }, String(list.length))),
  h("ul", null, list.map((agent) => card(agent, running)))) : null);

/** @param {AgentStatus} agent @param {boolean} running */
function card({ agent_name: name, status, progress, logs = [], logs_dropped: dropped = 0 }, running) {
  const known = kindOf(status), kind = known === "running" && !running ? "cancelled" : known, last = logs?.at(-1);
  return h("li", { key: name, class: `card agent ${kind}` },
    h("header", null, mark(kind), h("b", { dir: "auto", title: name }, name), h("span", { class: "percent" }, percent(progress))),
    bar(progress, { label: `Agent ${name}`, tone: kind === "pending" ? "running" : kind, slim: true }),
    h("p", { class: "quiet small last", dir: "auto", title: last }, last ?? status),
    h("p", { class: "quiet small" },
      kind === known ? status : `was ${status}`, " · ", count((dropped ?? 0) + (logs?.length ?? 0), "line")));
}
