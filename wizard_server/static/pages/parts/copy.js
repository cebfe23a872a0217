import { h } from "../kit/dom.js";

/**
 * A button that puts `text()` on the clipboard and says so.
 * @param {import("../types.js").App} app @param {string} label @param {() => string} text
 */
export const copyButton = (app, label, text, said = "Copied.") =>
  h("button", {
    type: "button", class: "small",
    async onclick() {
      try {
        await navigator.clipboard.writeText(text());
        app.say(said);
      } catch {
        app.say("This browser does not let the page copy.", { tone: "error" });
      }
    },
  }, label);
