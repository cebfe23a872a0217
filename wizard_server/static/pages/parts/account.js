import { h } from "../kit/dom.js";
import { dialog } from "./dialog.js";

/** @import { App, Handler } from "../types.js" */

/** Sign in with a token: over the page, which stays as it is, and so do its edits. @param {App} app */
export function signIn(app) {
  const { session } = app;
  /** @type {Handler} */
  const submit = (event) => {
    event.preventDefault();
    const wrong = session.signIn(event.target.elements.token.value);
    if (wrong) app.set({ signInError: wrong });
    else app.set({ signInError: "" });
  };
  return dialog({ key: "sign in", title: session.isFirst ? "Sign in" : "Sign in again" },
    h("p", null, session.needed, session.isFirst ? "" : " The page and your edits stay as they are."),
    h("form", { class: "stack", onsubmit: submit },
      h("label", { class: "field" }, h("span", null, "Token"),
        h("textarea", {
          name: "token", rows: "4", class: "mono", spellcheck: "false", autocomplete: "off", required: true, autofocus: true,
          "aria-invalid": app.ui.signInError ? "true" : null,
        })),
      app.ui.signInError && h("p", { class: "wrong", role: "alert" }, app.ui.signInError),
      h("p", { class: "quiet small" },
        "It stays in this tab and is forgotten when you close it. For development: ", h("code", null, "wizard-server token --user ann")),
      h("footer", null,
        app.loginUrl && h("a", { class: "button", href: app.loginUrl }, "Sign in at the issuer"), h("button", { class: "primary" }, "Sign in"))));
}

/** Who one is, and how to be somebody else. @param {App} app */
export function account(app) {
  const { session } = app;
  const close = () => app.open(null);
  if (session.mode === "jwt") {
    return dialog({ title: "You", close },
      h("dl", { class: "pairs" }, [["User", session.user], ["May", session.scopes.join(" ") || "nothing"]].map(([name, value]) =>
        [h("dt", null, name), h("dd", { class: "mono" }, value)])),
      h("footer", null, h("button", { type: "button", onclick: () => session.signOut() }, "Sign out")));
  }
  /** @type {Handler} */
  const onsubmit = (event) => {
    event.preventDefault();
    session.rename(event.target.elements.user.value.trim() || "dev");
  };
  return dialog({ title: "You", close }, h("form", { class: "stack", onsubmit },
    h("label", { class: "field" }, h("span", null, "User"), h("input", {
      name: "user", pattern: "[!-~]{1,255}", autocomplete: "username", autofocus: true,
      mounted: (input) => { input.value = session.user; input.select(); },
    })),
    h("p", { class: "quiet small" }, "This server runs for development and believes what name you give."),
    h("footer", null, h("button", { class: "primary" }, "Use this name"))));
}

const GROUPS = [["everywhere", "Everywhere"], ["page", "On this page"]];

/** @param {App} app */
export function keysHelp(app) {
  const known = Object.entries(app.keys());
  return dialog({ title: "Keys", reads: true, close: () => app.open(null) }, GROUPS.map(([group, title]) => {
    const found = known.filter(([, { where = "everywhere" }]) => where === group);
    return found.length ? [h("h3", null, title), h("dl", { class: "pairs keylist" }, found.map(([key, { does }]) =>
      [h("dt", null, key.split(" ").map((one) => h("kbd", null, one))), h("dd", null, does)]))] : null;
  }), h("p", { class: "quiet small" }, "Tab and Shift Tab go from control to control, Enter presses, Escape closes."));
}
