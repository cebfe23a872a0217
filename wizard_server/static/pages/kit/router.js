/** @import { Route, Tab } from "../types.js" */
/** Addresses below the base path; the address is the truth. @param {() => void} changed */
export function createRouter(changed) {
  const base = new URL(document.baseURI).pathname;
  const path = () => `/${location.pathname.slice(base.length)}`.replace(/(.)\/+$/, "$1");
  /** @param {string} to */
  const href = (to) => base + to.replace(/^\/+/, "");

  /** @param {string} to */
  function go(to, { replace = false } = {}) {
    if (!replace && href(to) === location.pathname + location.search) return;
    history[replace ? "replaceState" : "pushState"](null, "", href(to));
    changed();
  }

  addEventListener("popstate", changed);
  document.addEventListener("click", (event) => {
    const link = /** @type {HTMLAnchorElement | null} */ (/** @type {Element} */ (event.target).closest?.("a[href]"));
    if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (link.target || link.hasAttribute("download") || link.origin !== location.origin || !link.pathname.startsWith(base)) return;
    if (link.hash && link.pathname === location.pathname) return;
    if (!recognise(link.pathname.slice(base.length))) return;
    event.preventDefault();
    go(`/${link.pathname.slice(base.length)}${link.search}`);
  });

  return { go, href, path, base, get query() { return new URLSearchParams(location.search); }, route: () => recognise(path().slice(1)) };
}

const ID = /^[A-Za-z0-9_-]{1,255}$/;
/** @type {(tab: string) => tab is Tab} */
const isTab = (tab) => ["settings", "progress", "results", "history"].includes(tab);

/** What an address shows; null: no page of ours. @param {string} path @returns {Route | null} */
function recognise(path) {
  const [first, id = "", tab, ...more] = path.split("/").filter(Boolean);
  if (!first) return { name: "dashboard" };
  if (first === "templates" && !id) return { name: "templates" };
  if (first === "investigations" && ID.test(id) && !more.length && (tab === undefined || isTab(tab))) return { name: "investigation", id, tab };
  return null;
}
