/** Texts by name; those that a browser refuses to keep last as long as the page. */
function shelf(kind) {
  const own = new Map();
  const attempt = (act, otherwise) => {
    try {
      return act(globalThis[kind]);
    } catch {
      return otherwise; // full, or forbidden
    }
  };
  return {
    get: (name) => (own.has(name) ? own.get(name) : attempt((kept) => kept.getItem(`wizard:${name}`), null)),
    /** Returns whether the browser keeps it. */
    set(name, text) {
      const keep = (kept) => (text == null ? kept.removeItem(`wizard:${name}`) : kept.setItem(`wizard:${name}`, text)) ?? true;
      const isKept = attempt(keep, false);
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
    return JSON.parse(ofBrowser.get(name)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export const save = (name, value) => ofBrowser.set(name, value == null ? null : JSON.stringify(value));
