import { h } from "../../kit/dom.js";
import { count, percent } from "../../kit/format.js";
import { bar } from "../../parts/bar.js";
import { mark } from "../../parts/mark.js";

const KINDS = [[/^(run|work|act|busy|in.?progress)/i, "running"], [/^(done|complete|finish|success|ok)/i, "done"], [/^(err|fail)/i, "error"], [/^(wait|pause|block)/i, "waiting"], [/^(idle|pend|queue)/i, "pending"]];
const kindOf = (status) => KINDS.find(([pattern]) => pattern.test(status))?.[1] ?? "pending";

/** The agents as cards: how far each is, and what it said last. */
export function agents({ agents: list = [] }, running) {
  if (!list.length) return null;
  return h("section", { class: "agents", "aria-label": "Agents" }, h("h2", null, "Agents", h("span", { class: "quiet count" }, String(list.length))), h("ul", null, list.map((agent) => {
    const known = kindOf(agent.status), kind = known === "running" && !running ? "cancelled" : known, last = agent.logs?.at(-1);
    return h("li", { key: agent.agent_name, class: `card agent ${kind}` },
      h("header", null, mark(kind), h("b", { dir: "auto", title: agent.agent_name }, agent.agent_name), h("span", { class: "percent" }, percent(agent.progress))),
      bar(agent.progress, { label: `Agent ${agent.agent_name}`, tone: kind === "pending" ? "running" : kind, slim: true }),
      h("p", { class: "quiet small last", dir: "auto", title: last }, last ?? agent.status),
      h("p", { class: "quiet small" }, kind === known ? agent.status : `was ${agent.status}`, " · ", count((agent.logs_dropped ?? 0) + (agent.logs?.length ?? 0), "line")));
  })));
}
