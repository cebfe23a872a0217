/** Drafts and choices in this browser; one that refuses storage costs them and nothing else. */
export function load(name, otherwise = null) {
  try {
    return JSON.parse(localStorage.getItem(`wizard:${name}`)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export function save(name, value) {
  try {
    if (value == null) localStorage.removeItem(`wizard:${name}`);
    else localStorage.setItem(`wizard:${name}`, JSON.stringify(value));
  } catch {
    // full, or forbidden
  }
}
