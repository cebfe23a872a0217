import { merge } from "../../client/index.js";
import { h } from "../kit/dom.js";
import { button } from "./button.js";
import { dialog } from "./dialog.js";
import { tree } from "./tree.js";

const at = (value, path) => path.split(".").reduce((inner, step) => inner?.[step], value);

function put(value, path, what) {
  const [step, ...rest] = path.split(".");
  return { ...value, [step]: rest.length ? put(value?.[step] ?? {}, rest.join("."), what) : what };
}

let choices = {};

/** Two people changed the same: what each wants, side by side; the reader decides field by field, and `resolve` takes the outcome. */
export function conflictDialog(app, { base, mine, theirs }, resolve) {
  const { merged, conflicts } = merge(base, mine, theirs);
  const choose = (path, side) => { choices = { ...choices, [path]: side }; app.update(); };
  const outcome = (sideOf) => conflicts.reduce((value, path) => (sideOf(path) === "theirs" ? put(value, path, at(theirs, path)) : value), merged);
  const end = (sideOf) => () => {
    const decided = outcome(sideOf);
    choices = {};
    resolve(decided);
  };
  const side = (path, name, value) => h("label", { key: name, class: "side" },
    h("input", {
      type: "radio", name: `side ${path}`, checked: (choices[path] ?? "mine") === name, "aria-label": `${words(path)}: ${name}`,
      onchange: () => choose(path, name),
    }),
    h("div", null, tree(at(value, path) ?? "nothing")));
  return dialog({ key: "conflict", title: "Changed by somebody else meanwhile", wide: true },
    h("p", null, "Choose for each field. What only one of you changed is kept."),
    h("div", { class: "sides", role: "group" },
      h("div", { class: "line head" }, ["Field", "Mine", "Theirs"].map((title) => h("b", null, title))),
      conflicts.map((path) =>
        h("div", { key: path, class: "line" }, h("b", null, words(path)), side(path, "mine", mine), side(path, "theirs", theirs)))),
    h("footer", null,
      button("Theirs in every field", end(() => "theirs")), button("Mine in every field", end(() => "mine")),
      button("Save this choice", end((path) => choices[path] ?? "mine"), { class: "primary" })));
}

const words = (path) => path.replace(/^settings\./, "").replaceAll("_", " ").replaceAll(".", ", ");
