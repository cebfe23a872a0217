import { h } from "../../kit/dom.js";
import { clock, count, exact, number } from "../../kit/format.js";
import { button } from "../../parts/button.js";
import { search } from "../../parts/search.js";
import { select } from "../../parts/select.js";

/** @import { App, Handler, Line, Log, VNode } from "../../types.js" */
const NEAR_PX = 40;
// While the log follows its end, older lines are not in the page: they come when one scrolls up.
const TAIL = 200, DRAWN_MS = 100;
const drawn = /** @type {WeakMap<Line, VNode>} */ (new WeakMap());

/** One line is drawn once. @param {Line} line */
function lineView(line) {
  if (!drawn.has(line)) {
    drawn.set(line, h("li", { key: line.n, id: `line-${line.n}`, tabindex: "-1" },
      h("time", { datetime: line.at, title: `line ${line.n}, ${exact(line.at)}` }, clock(line.at)),
      h("b", { class: "mono" }, line.agent), h("span", { dir: "auto" }, line.text)));
  }
  return drawn.get(line);
}

/** The log as one reads it: it follows its end until one scrolls up, and stands still while paused. @param {App} app @param {Log} log */
export function createLogView(app, log) {
  let follows = true, frozen = /** @type {number | null} */ (null), top = 0, agent = "", text = "", target = "";
  const update = app.update;

  function shown() {
    const all = frozen === null ? log.lines : log.lines.slice(0, frozen);
    const wanted = text.trim().toLowerCase();
    if (!agent && !wanted) return all;
    return all.filter((line) => (!agent || line.agent === (agent === "-" ? "" : agent)) && line.search.includes(wanted));
  }

  /** @param {HTMLElement} list */
  const toEnd = (list) => { if (follows && frozen === null && list.scrollHeight - list.scrollTop - list.clientHeight > 1) list.scrollTop = list.scrollHeight; };
  /**
   * Lines are measured when they are drawn, and none is while another tab hides them: both change the height later.
   * @param {HTMLElement} list
   */
  const keepAtEnd = (list) => new ResizeObserver(() => toEnd(list)).observe(/** @type {Element} */ (list.firstChild));
  /** Only a reader scrolls up; a list that grows, or is laid out anew, is followed. @type {Handler} */
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
      return h("section", { class: "log", "aria-label": "Log" }, head(lines), body(lines), foot(agents));
    },
  };

  /** @param {Line[]} lines */
  function head(lines) {
    const all = log.lines.length, hidden = frozen === null ? 0 : all - frozen;
    return h("header", null, h("h2", null, "Log"),
      h("span", { class: "quiet small" }, lines.length === all ? count(all, "line") : `${number(lines.length)} of ${count(all, "line")}`),
      button(frozen === null ? "Pause" : hidden ? `Resume, ${hidden} new` : "Resume", pause,
        { class: "small", "aria-pressed": String(frozen !== null) }),
      !follows && frozen === null && button("Follow the end", () => { follows = true; update(); }, { class: "small" }));
  }

  /** @param {Line[]} lines */
  function body(lines) {
    const drawn = follows && frozen === null ? lines.slice(-TAIL) : lines;
    const props = { class: "lines", tabindex: "0", role: "log", "aria-label": "Lines", "aria-live": "off" };
    return h("div", { ...props, onscroll, mounted: keepAtEnd, updated: toEnd }, h("ol", null, drawn.length ? drawn.map(lineView)
      : h("li", { key: "none", class: "quiet" }, log.lines.length ? "No line fits." : "No line yet.")));
  }

  /** @param {string[]} agents */
  function foot(agents) {
    const options = [["", "every agent"], ...agents.map((name) => [name || "-", name || "investigation"])];
    return h("footer", null,
      select("Agent", agent, options, (chosen) => { agent = chosen; update(); }),
      search("Filter", text, (typed) => { text = typed; update(); }, "Filter the log"),
      h("input", {
        type: "number", min: "1", placeholder: "Line", "aria-label": "Jump to line", class: "jump", value: target,
        oninput: (event) => { target = event.target.value; }, onkeydown: (event) => { if (event.key === "Enter") jump(); },
      }));
  }
}
