import { merge } from "../../client/index.js";
import { differences } from "../kit/differences.js";
import { h } from "../kit/dom.js";
import { button } from "./button.js";
import { dialog } from "./dialog.js";
import { tree } from "./tree.js";

/** @import { Conflict, WizardStateUpdate } from "../../client/index.js" */
/** @import { App } from "../types.js" */
/** @typedef {"mine" | "theirs"} Side */

/** @param {any} value @param {string} path */
const at = (value, path) => path.split(".").reduce((inner, step) => inner?.[step], value);

/** @param {any} value @param {string} path @param {unknown} what @returns {any} */
function put(value, path, what) {
  const [step = "", ...rest] = path.split(".");
  return { ...value, [step]: rest.length ? put(value?.[step] ?? {}, rest.join("."), what) : what };
}

let choices = /** @type {Record<string, Side>} */ ({});

/**
 * Two people changed the same: what each wants, side by side; the reader decides field by field, and `resolve` takes the outcome.
 * @param {App} app @param {Conflict} conflict @param {(decided: WizardStateUpdate) => void} resolve
 */
export function conflictDialog(app, { base, mine, theirs }, resolve) {
  const { merged, conflicts } = merge(base, mine, theirs);
  const kept = differences(base, merged)
    .filter(({ path, before, now }) => (before ?? now) != null && !conflicts.some((one) => `${path}.`.startsWith(`${one}.`)))
    .map(({ path }) => words(path)).join("; ");
  /** @param {string} path @param {Side} side */
  const choose = (path, side) => { choices = { ...choices, [path]: side }; app.update(); };
  /** @param {(path: string) => Side} sideOf */
  const outcome = (sideOf) => conflicts.reduce((value, path) => (sideOf(path) === "theirs" ? put(value, path, at(theirs, path)) : value), merged);
  /** @param {(path: string) => Side} sideOf */
  const end = (sideOf) => () => {
    const decided = outcome(sideOf);
    choices = {};
    resolve(decided);
  };
  /** @param {string} path @param {Side} name @param {unknown} value */
  const side = (path, name, value) => h("label", { key: name, class: "side" },
    h("input", {
      type: "radio", name: `side ${path}`, checked: (choices[path] ?? "mine") === name, "aria-label": `${words(path)}: ${name}`,
      onchange: () => choose(path, name),
    }),
    h("div", null, tree(at(value, path) ?? "nothing")));
  return dialog({ key: "conflict", title: "Changed by somebody else meanwhile", wide: true },
    h("p", null, "Choose for each field. What only one of you changed is kept", kept && ": ", kept, "."),
    h("div", { class: "sides", role: "group" },
      h("div", { class: "line head" }, ["Field", "Mine", "Theirs"].map((title) => h("b", null, title))),
      conflicts.map((path) =>
        h("div", { key: path, class: "line" }, h("b", null, words(path)), side(path, "mine", mine), side(path, "theirs", theirs)))),
    h("footer", null,
      button("Theirs in every field", end(() => "theirs")), button("Mine in every field", end(() => "mine")),
      button("Save this choice", end((path) => choices[path] ?? "mine"), { class: "primary" })));
}

/** @param {string} path */
const words = (path) => path.replace(/^settings\./, "").replaceAll("_", " ").replaceAll(".", ", ");
