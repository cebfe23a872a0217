import { h } from "../kit/dom.js";
import { age, count, exact } from "../kit/format.js";

/** @import { Link } from "../types.js" */

/** The connection in words. @param {Link} link */
function words({ connection, waiting = 0, hidden }) {
  const edits = waiting ? `, ${count(waiting, "edit")} waiting` : "";
  if (connection === "signed out") return connection;
  if (connection === "live") return waiting ? `saving${edits}` : "live";
  if (connection === "polling") return waiting ? `saving${edits}` : "polling";
  if (connection === "draining") return `server restarting${edits}`;
  return hidden ? "connecting" : `offline${edits}`;
}

/** @type {Record<string, string>} */
const TONES = { live: "done", polling: "done", draining: "waiting", "signed out": "waiting", offline: "error" };

/** @param {Link} link */
export function connectionView(link) {
  const text = words(link);
  const tone = text === "connecting" ? "pending" : TONES[link.connection ?? ""] ?? "pending";
  return h("div", { class: `connection ${tone}` },
    h("span", { role: "status" }, h("i", { "aria-hidden": "true" }), text),
    link.syncedAt && h("span", { class: "synced quiet", title: exact(link.syncedAt) }, `synced ${age(link.syncedAt)}`));
}
