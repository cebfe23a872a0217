/** Texts by name; those that a browser refuses to keep last as long as the page. @param {"localStorage" | "sessionStorage"} kind */
function shelf(kind) {
  const own = new Map();
  /** @template T @param {(kept: Storage) => T} act @param {T} otherwise */
  const attempt = (act, otherwise) => {
    try {
      return act(globalThis[kind]);
    } catch {
      return otherwise; // full, or forbidden
    }
  };
  return {
    /** @returns {string | null} @param {string} name */
    get: (name) => (own.has(name) ? own.get(name) : attempt((kept) => kept.getItem(`wizard:${name}`), null)),
    /** Returns whether the browser keeps it. @param {string} name @param {string | null} text */
    set(name, text) {
      const isKept = attempt((kept) => (text == null ? kept.removeItem(`wizard:${name}`) : kept.setItem(`wizard:${name}`, text)) ?? true, false);
      if (isKept) own.delete(name);
      else own.set(name, text);
      return isKept;
    },
  };
}

export const ofTab = shelf("sessionStorage");
export const ofBrowser = shelf("localStorage");

/** Does this browser keep anything? */
export const keeps = () => ofBrowser.set("keeps", "yes");

/** Drafts and choices in this browser. @param {string} name @param {any} [otherwise] */
export function load(name, otherwise = null) {
  try {
    return JSON.parse(ofBrowser.get(name) ?? "null") ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** @param {string} name @param {unknown} value */
export const save = (name, value) => ofBrowser.set(name, value == null ? null : JSON.stringify(value));
