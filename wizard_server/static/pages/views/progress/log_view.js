import { h } from "../../kit/dom.js";
import { clock, count, exact, number } from "../../kit/format.js";

const NEAR_PX = 40;
// While the log follows its end, older lines are not in the page: they come when one scrolls up.
const TAIL = 200, DRAWN_MS = 100;
const drawn = new WeakMap();

/** One line is drawn once. */
function lineView(line) {
  if (!drawn.has(line)) {
    drawn.set(line, h("li", { key: line.n, id: `line-${line.n}`, tabindex: "-1" },
      h("time", { datetime: line.at, title: `line ${line.n}, ${exact(line.at)}` }, clock(line.at)), h("b", { class: "mono" }, line.agent), h("span", { dir: "auto" }, line.text)));
  }
  return drawn.get(line);
}

/** The log as one reads it: it follows its end until one scrolls up, and stands still while paused. */
export function createLogView(app, log) {
  let follows = true, frozen = null, top = 0, agent = "", text = "", target = "";
  const update = app.update;

  function shown() {
    const all = frozen === null ? log.lines : log.lines.slice(0, frozen);
    const wanted = text.trim().toLowerCase();
    return agent || wanted ? all.filter((line) => (!agent || line.agent === (agent === "-" ? "" : agent)) && (!wanted || line.search.includes(wanted))) : all;
  }

  const toEnd = (list) => { if (follows && frozen === null && list.scrollHeight - list.scrollTop - list.clientHeight > 1) list.scrollTop = list.scrollHeight; };
  /** Lines are measured when they are drawn, and none is while another tab hides them: both change the height later. */
  const keepAtEnd = (list) => new ResizeObserver(() => toEnd(list)).observe(list.firstChild);
  /** Only a reader scrolls up; a list that grows, or is laid out anew, is followed. */
  const onscroll = ({ target: list }) => {
    const near = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_PX, up = list.scrollTop < top;
    top = list.scrollTop;
    if (near ? !follows : follows && up) { follows = near; update(); }
    else toEnd(list);
  };

  function jump() {
    follows = false;
    update();
    setTimeout(() => {
      const line = document.getElementById(`line-${target}`);
      if (!line) return app.say(`There is no line ${target}.`);
      line.scrollIntoView({ block: "center" });
      line.focus();
    }, DRAWN_MS);
  }

  function pause() {
    frozen = frozen === null ? log.lines.length : null;
    if (frozen === null) follows = true;
    update();
  }

  return {
    get isReading() { return log.lines.length > 0 && (!follows || frozen !== null); },
    pause,
    view() {
      const lines = shown(), agents = [...new Set(log.lines.map((line) => line.agent))].sort();
      const hidden = frozen === null ? 0 : log.lines.length - frozen;
      return h("section", { class: "log", "aria-label": "Log" },
        h("header", null, h("h2", null, "Log"), h("span", { class: "quiet small" }, lines.length === log.lines.length ? count(lines.length, "line") : `${number(lines.length)} of ${count(log.lines.length, "line")}`),
          h("button", { type: "button", class: "small", "aria-pressed": String(frozen !== null), onclick: pause }, frozen === null ? "Pause" : hidden ? `Resume, ${hidden} new` : "Resume"),
          !follows && frozen === null && h("button", { type: "button", class: "small", onclick: () => { follows = true; update(); } }, "Follow the end")),
        h("div", { class: "lines", tabindex: "0", role: "log", "aria-label": "Lines", "aria-live": "off", onscroll, mounted: keepAtEnd, updated: toEnd }, h("ol", null, lines.length ? (follows && frozen === null ? lines.slice(-TAIL) : lines).map(lineView) : h("li", { key: "none", class: "quiet" }, log.lines.length ? "No line fits." : "No line yet."))),
        h("footer", null,
          h("select", { "aria-label": "Agent", value: agent, onchange: (event) => { agent = event.target.value; update(); } }, h("option", { value: "" }, "every agent"), agents.map((name) => h("option", { key: name, value: name || "-" }, name || "investigation"))),
          h("input", { type: "search", placeholder: "Filter", "aria-label": "Filter the log", value: text, oninput: (event) => { text = event.target.value; update(); } }),
          h("input", { type: "number", min: "1", placeholder: "Line", "aria-label": "Jump to line", class: "jump", value: target, oninput: (event) => { target = event.target.value; }, onkeydown: (event) => { if (event.key === "Enter") jump(); } })));
    },
  };
}
