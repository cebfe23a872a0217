import { merge } from "../../client/index.js";
import { h } from "../kit/dom.js";
import { dialog } from "./dialog.js";
import { tree } from "./tree.js";

const at = (value, path) => path.split(".").reduce((inner, step) => inner?.[step], value);

function put(value, path, what) {
  const [step, ...rest] = path.split(".");
  return { ...value, [step]: rest.length ? put(value?.[step] ?? {}, rest.join("."), what) : what };
}

let choices = {};

/** Two people changed the same: what each wants, side by side; the reader decides field by field. */
export function conflictDialog(app, { base, mine, theirs }, resolve) {
  const { merged, conflicts } = merge(base, mine, theirs);
  const choose = (path, side) => { choices = { ...choices, [path]: side }; app.update(); };
  const end = (choice) => { choices = {}; resolve(choice); };
  const decided = () => conflicts.reduce((value, path) => (choices[path] === "theirs" ? put(value, path, at(theirs, path)) : value), merged);
  return dialog({ key: "conflict", title: "Changed by somebody else meanwhile", wide: true },
    h("p", null, conflicts.length ? "Choose for each field. What only one of you changed is kept." : "Your changes do not touch each other."),
    h("div", { class: "sides", role: "group" },
      h("div", { class: "line head" }, h("b", null, "Field"), h("b", null, "Mine"), h("b", null, "Theirs")),
      conflicts.map((path) => h("div", { key: path, class: "line" }, h("b", null, words(path)),
        ["mine", "theirs"].map((side) => h("label", { class: "side" },
          h("input", { type: "radio", name: `side ${path}`, checked: (choices[path] ?? "mine") === side, onchange: () => choose(path, side), "aria-label": `${words(path)}: ${side}` }),
          h("div", null, tree(at(side === "mine" ? mine : theirs, path) ?? "nothing"))))))),
    h("footer", null,
      h("button", { type: "button", onclick: () => end("theirs") }, "Take all of theirs"),
      h("button", { type: "button", onclick: () => end("mine") }, "Keep all of mine"),
      h("button", { type: "button", class: "primary", onclick: () => end(decided()) }, "Save this choice")));
}

const words = (path) => path.replace(/^settings\./, "").replaceAll("_", " ").replaceAll(".", ", ");
