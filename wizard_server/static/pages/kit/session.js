import { ofBrowser, ofTab } from "./keep.js";

/** Who uses the page. Mode "none": a name of one's own choice. Mode "jwt": a token, kept in this tab. */
const TOKEN = "token", USER = "user";

/** @param {{ mode: string, changed(): void, renamed(isKept: boolean): void }} how */
export function createSession({ mode, changed, renamed }) {
  /** A token in the address's fragment, which it leaves at once. */
  function fromAddress() {
    const given = new URLSearchParams(location.hash.slice(1)).get("token");
    if (given) history.replaceState(null, "", location.pathname + location.search);
    return given;
  }
  const brought = fromAddress();
  if (brought) ofTab.set(TOKEN, brought);
  addEventListener("hashchange", () => {
    const later = fromAddress();
    if (later) session.signIn(later);
  });
  let token = mode === "jwt" ? ofTab.get(TOKEN) : null;
  let refused = "";
  let waiting = /** @type {((token: string) => void)[]} */ ([]);

  const claims = () => read(token);
  const isExpired = () => Boolean(token) && Number(claims()?.exp ?? Infinity) * 1000 <= Date.now();

  const session = {
    mode,
    get user() { return mode === "jwt" ? claims()?.sub ?? "" : ofBrowser.get(USER) || "dev"; },
    get scopes() { return mode === "jwt" ? scopesOf(claims()) : []; },
    /** Why one has to sign in now; empty while one is signed in. */
    get needed() {
      if (mode !== "jwt") return "";
      if (!token) return "Sign in with a token to see your investigations.";
      return refused || (isExpired() ? "Your token has expired." : "");
    },
    get isFirst() { return mode === "jwt" && !token; },
    /** The token for a request. After a refusal, or once it has expired, the request waits until one has signed in. */
    getToken({ refresh = false } = {}) {
      if (mode !== "jwt") return null;
      if (refresh) refused = isExpired() ? "Your token has expired." : "The server refused your token.";
      if (token && !refresh && !isExpired()) return refused ? wait() : token;
      changed();
      return wait();
    },
    /** Take a new token; returns what is wrong with it. @param {string} text */
    signIn(text) {
      const fresh = text.trim().replace(/^Bearer\s+/i, "");
      const found = read(fresh);
      if (!found) return "That is no token: it needs three parts with dots between them.";
      if (Number(found.exp ?? Infinity) * 1000 <= Date.now()) return "That token has expired already.";
      const other = token && read(token)?.sub !== found.sub;
      ofTab.set(TOKEN, fresh);
      if (other) return location.reload(), "";
      token = fresh;
      refused = "";
      for (const go of waiting.splice(0)) go(token);
      changed();
      return "";
    },
    signOut() {
      ofTab.set(TOKEN, null);
      location.reload();
    },
    /** @param {string} user */
    rename(user) {
      renamed(ofBrowser.set(USER, user));
    },
  };
  return session;

  function wait() {
    return new Promise((/** @type {(token: string) => void} */ resolve) => waiting.push(resolve));
  }
}

/** @param {string | null} token @returns {Record<string, any> | null} */
function read(token) {
  try {
    const bytes = atob(/** @type {any} */ (token).split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (letter) => letter.charCodeAt(0))));
  } catch {
    return null;
  }
}

/** @param {Record<string, any> | null} claims @returns {string[]} */
const scopesOf = (claims) => ["scope", "scp", "scopes", "permissions"].flatMap((name) => claims?.[name] ?? []).flatMap((text) => String(text).split(" "));
