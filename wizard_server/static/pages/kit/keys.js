/**
 * Keys that work wherever nothing is being typed; "g d" is one key after the other within a second.
 * @param {() => Record<string, import("../types.js").Key>} bindings
 */
export function createKeys(bindings) {
  let first = "", at = 0;
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = /** @type {Element} */ (event.target);
    const typing = target.closest?.("input:not([type=checkbox],[type=radio],[type=range]), textarea, select, [contenteditable]");
    if (typing || document.querySelector("dialog[open]")) return;
    const pair = Date.now() - at < 1000 ? `${first} ${event.key}` : "";
    const known = bindings();
    const found = known[pair] ?? known[event.key];
    [first, at] = [event.key, Date.now()];
    if (!found) return;
    event.preventDefault();
    found.run();
  });
}
