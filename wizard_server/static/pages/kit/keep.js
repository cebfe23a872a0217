/** Texts by name; where a browser refuses storage, they last as long as the page. */
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
    get: (name) => attempt((kept) => kept.getItem(`wizard:${name}`), own.get(name) ?? null),
    set(name, text) {
      own.set(name, text);
      attempt((kept) => (text == null ? kept.removeItem(`wizard:${name}`) : kept.setItem(`wizard:${name}`, text)));
    },
  };
}

export const ofTab = shelf("sessionStorage");
export const ofBrowser = shelf("localStorage");

/** Drafts and choices in this browser. */
export function load(name, otherwise = null) {
  try {
    return JSON.parse(ofBrowser.get(name)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export const save = (name, value) => ofBrowser.set(name, value == null ? null : JSON.stringify(value));
