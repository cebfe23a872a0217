/** @import { Child, Props, VNode } from "../types.js" */
/** A view is a tree of `h()`; `render` makes the page equal to it and touches only what differs. */
const SVG = "http://www.w3.org/2000/svg";
const PROPERTIES = new Set(["value", "checked", "indeterminate"]);

/**
 * A node: `key` tells children apart, `mounted(element)` runs once, `updated(element)` after every change.
 * The same object given again is taken as unchanged.
 * @param {string} tag @param {Props | null} [props] @param {Child[]} children @returns {VNode}
 */
export function h(tag, props, ...children) {
  const { key, mounted, updated, ...rest } = props ?? {};
  return { tag, key, mounted, updated, props: rest, children: nodes(children) };
}

/** @param {Child[]} children @returns {VNode[]} */
const nodes = (children) => /** @type {any[]} */ (children).flat(Infinity).map(node);

/** @param {any} child @returns {VNode} */
const node = (child) => (child?.tag ? child : { text: child == null || child === false || child === true ? "" : String(child) });

/** @param {HTMLElement & { rendered?: VNode[] }} parent @param {Child[]} children */
export function render(parent, ...children) {
  const now = nodes(children);
  reconcile(parent, parent.rendered ?? [], now, parent.namespaceURI === SVG);
  parent.rendered = now;
}

/** @param {string} selector @param {FocusOptions} [options] */
export const focusOn = (selector, options) => /** @type {HTMLElement | null} */ (document.querySelector(selector))?.focus(options);

/** @param {Element} parent @param {VNode[]} old @param {VNode[]} now @param {boolean} svg */
function reconcile(parent, old, now, svg) {
  const keyed = new Map(), loose = /** @type {VNode[]} */ ([]);
  for (const each of old) each.key === undefined ? loose.push(each) : keyed.set(each.key, each);
  const kept = new Set(), born = /** @type {VNode[]} */ ([]);
  let next = 0;
  for (const each of now) {
    const before = each.key === undefined ? loose[next++] : keyed.get(each.key);
    if (before && before.tag === each.tag && !kept.has(before)) {
      kept.add(before);
      patch(before, each, svg);
    } else {
      each.element = create(each, svg);
      if (each.mounted) born.push(each);
    }
  }
  for (const { element, ...each } of old.filter((one) => !kept.has(one))) {
    if (each.tag === "dialog") element.close(); // gives the focus back
    element.remove();
  }
  let at = parent.firstChild;
  for (const { element } of now) {
    if (element === at) at = element.nextSibling;
    else parent.insertBefore(element, at);
  }
  for (const each of born) each.mounted?.(each.element);
}

/** @param {VNode} vnode @param {boolean} svg */
function create(vnode, svg) {
  if (vnode.tag === undefined) return document.createTextNode(vnode.text);
  const inSvg = svg || vnode.tag === "svg";
  const element = inSvg ? document.createElementNS(SVG, vnode.tag) : document.createElement(vnode.tag);
  assign(element, {}, vnode.props, false);
  reconcile(element, [], vnode.children, inSvg);
  assign(element, {}, vnode.props, true);
  return element;
}

/** @param {any} before it has the tag of `now` @param {VNode} now @param {boolean} svg */
function patch(before, now, svg) {
  const element = (now.element = before.element);
  if (before === now) return;
  if (now.tag === undefined) {
    if (before.text !== now.text) element.data = now.text;
    return;
  }
  assign(element, before.props, now.props, false);
  reconcile(element, before.children, now.children, svg || now.tag === "svg");
  assign(element, before.props, now.props, true);
  now.updated?.(element);
}

/**
 * What is typed into is set last: a select needs its options first.
 * @param {any} element @param {Props} before @param {Props} now @param {boolean} late
 */
function assign(element, before, now, late) {
  for (const name in { ...before, ...now }) if (PROPERTIES.has(name) === late) set(element, name, before[name], now[name]);
}

/** @param {any} element @param {string} name @param {any} before @param {any} now */
function set(element, name, before, now) {
  if (PROPERTIES.has(name)) {
    if (element[name] !== (now ?? "")) element[name] = now ?? "";
  } else if (name === "style") {
    for (const property in { ...before, ...now }) if (before?.[property] !== now?.[property]) element.style.setProperty(property, now?.[property] ?? null);
  } else if (before === now) return;
  else if (name.startsWith("on")) element[name] = now ?? null;
  else if (now == null || now === false) element.removeAttribute(name);
  else element.setAttribute(name, now === true ? "" : now);
}
