/** @import { App, Entry } from "../../types.js" */
const PAGE = 50;

/** The entries of the trail, newest first: as many pages of it as one has asked for. @param {App} app @param {string} id */
export function createPages(app, id) {
  const entries = /** @type {Entry[]} */ ([]);
  const pages = { entries, total: 0, ready: false, error: "", filter: { action_type: "", source: "" }, load, more, choose, follow };
  let shown = 0, known = 0, asking = false;

  const wanted = () => Object.fromEntries(Object.entries(pages.filter).filter(([, value]) => value));

  async function load(page = 1) {
    const asked = pages.filter;
    asking = true;
    const { success, data, problem, error } = await app.client.history(id, { pageSize: PAGE, page, ...wanted() });
    asking = false;
    if (asked !== pages.filter) return;
    if (success) Object.assign(pages, { entries: page > 1 ? [...pages.entries, ...data.items] : data.items, total: data.total, ready: true, error: "" });
    else pages.error = problem?.code === "feature-disabled" ? "This server keeps no trail." : `${error}.`;
    if (success) shown = page;
    app.update();
  }

  /** Load the next page of older ones. */
  function more() {
    void load(shown + 1);
  }

  /** @param {Partial<typeof pages.filter>} changes */
  function choose(changes) {
    pages.filter = { ...pages.filter, ...changes };
    void load();
  }

  /** There is `version`: read the first page anew, unless one reads older ones or that is being done. @param {number} version */
  function follow(version) {
    if (known === version || shown > 1 || asking) return;
    known = version;
    void load();
  }

  return pages;
}
