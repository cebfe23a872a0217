import { createClient } from "../client/index.js";
import { focusOn, render } from "./kit/dom.js";
import { keeps } from "./kit/keep.js";
import { createKeys } from "./kit/keys.js";
import { createReleaseWatch } from "./kit/release.js";
import { createRouter } from "./kit/router.js";
import { createSession } from "./kit/session.js";
import { account, keysHelp, signIn } from "./parts/account.js";
import { frame } from "./parts/frame.js";
import { createMessages } from "./parts/messages.js";
import { createDashboard } from "./views/dashboard.js";
import { createInvestigation } from "./views/investigation.js";
import { notFound } from "./views/not_found.js";
import { createTemplates } from "./views/templates.js";

const { auth: mode = "none", login: loginUrl = "", catalogue: hasCatalogue = "" } = document.documentElement.dataset;
const root = /** @type {HTMLElement} */ (document.getElementById("app"));
root.replaceChildren();
const VIEWS = { dashboard: createDashboard, investigation: createInvestigation, templates: createTemplates };
const DIALOGS = { keys: keysHelp, user: account };
const REST = 4, MOST_REST_MS = 250;
let drawnAt = 0, tookMs = 0;
let scheduled = false, shown = /** @type {string | null} */ (null);
/** @type {import("./types.js").View | null} */
let view = null;
let wasAway = false, hasMoved = false;

const session = createSession({ mode, changed: update, renamed: restart });
const router = createRouter(follow);
const messages = createMessages(update);
const lookForRelease = createReleaseWatch(() => {
  const drafts = keeps() ? "Reload to use it; your drafts are kept in this browser."
    : "This browser keeps no drafts: complete what you typed before you reload.";
  const text = `The server has a newer release of this page. ${drafts}`;
  messages.say(text, { action: "Reload", lasts: 0, run: () => location.reload() });
});
/** @returns {import("./types.js").Client} */
const connect = () => /** @type {any} */ (createClient({
  baseUrl: new URL(document.baseURI).href.replace(/\/$/, ""),
  ...(mode === "jwt" ? { getToken: session.getToken } : { userId: session.user }),
}));

/** What every view is given. @type {import("./types.js").App} */
const app = {
  client: connect(), session, loginUrl, hasCatalogue, update,
  ui: { dialog: null, signInError: "" },
  href: router.href, go: router.go, router,
  say: messages.say,
  set(changes) { Object.assign(app.ui, changes); update(); },
  open(name) { app.set({ dialog: name }); },
  keys: () => ({
    "?": { does: "show the keys", run: () => app.open("keys") },
    u: { does: "undo, or whatever else a message offers", run: messages.act },
    "g i": { does: "go to the investigations", run: () => router.go("/") },
    "g t": { does: "go to the templates", run: () => router.go("/templates") },
    ...view?.keys?.(),
  }),
};

/** Draw once, however many things changed, and leave most of the time to the reader where drawing takes long. */
function update() {
  if (scheduled) return;
  scheduled = true;
  const rest = drawnAt + Math.min(MOST_REST_MS, REST * tookMs) - performance.now();
  if (document.hidden || rest > 16) setTimeout(draw, Math.max(0, rest));
  else requestAnimationFrame(draw);
}

/** Somebody else uses the page now: begin anew, as the address says. @param {boolean} isKept */
function restart(isKept) {
  if (!isKept) messages.say(`This browser keeps nothing: you are ${session.user} until you reload or leave the page.`, { lasts: 0 });
  app.client = connect();
  shown = null;
  follow();
}

/** A server that comes back may be a newer one. @param {import("./types.js").Link} link */
function watchConnection({ connection }) {
  const isAway = connection === "offline" || connection === "draining";
  if (wasAway && !isAway) void lookForRelease();
  wasAway = isAway;
}

/** The address has changed: another view, or another part of this one. */
function follow() {
  const route = router.route();
  const name = route ? `${route.name} ${route.id ?? ""}` : "";
  if (name !== shown) {
    view?.stop?.();
    shown = name;
    view = route && !session.isFirst ? VIEWS[route.name](app, route) : null;
    scrollTo(0, 0);
  }
  hasMoved = true;
  app.ui.dialog = null;
  if (route) view?.entered?.(route);
  update();
}

function draw() {
  scheduled = false;
  const began = performance.now();
  const route = router.route();
  if (!view && route && !session.isFirst) return (shown = null), follow();
  const link = session.needed ? { connection: "signed out" } : view?.link?.();
  watchConnection(link ?? {});
  const overlay = session.needed ? signIn(app) : app.ui.dialog ? DIALOGS[app.ui.dialog](app) : view?.dialog?.();
  const main = route ? view?.view(route) : notFound(app);
  document.title = view && route ? `${view.title(route)} · wizard` : "wizard";
  render(root, frame(app, { route, main, link }), messages.view(), overlay);
  if (hasMoved && drawnAt && !overlay && document.activeElement === document.body) focusOn("main", { preventScroll: true });
  hasMoved = false;
  drawnAt = performance.now();
  tookMs = drawnAt - began;
}

createKeys(app.keys);
setInterval(() => { if (!document.hidden) update(); }, 1000);
document.addEventListener("visibilitychange", () => {
  update();
  if (!document.hidden) void lookForRelease();
});
follow();
