/**
 * A vanilla store as zustand and `useSyncExternalStore` take it: a listener hears of a state that is another object.
 * @template T
 * @param {T} initial
 */
export function createContainer(initial) {
  let state = initial;
  /** @type {Set<(state: T, previous: T) => void>} */
  const listeners = new Set();
  return {
    getState: () => state,
    getInitialState: () => initial,
    /** @param {Partial<T> | ((state: T) => Partial<T>)} partial @param {boolean} [replace] */
    setState(partial, replace = false) {
      const changes = typeof partial === "function" ? partial(state) : partial;
      const names = /** @type {(keyof T)[]} */ (Object.keys(/** @type {object} */ (changes)));
      if (!replace && names.every((name) => Object.is(state[name], changes[name]))) return;
      const previous = state;
      state = replace ? /** @type {T} */ (changes) : { ...state, ...changes };
      for (const listener of [...listeners]) listener(state, previous);
    },
    /** @param {(state: T, previous: T) => void} listener */
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    /** Forget every listener. */
    clear: () => listeners.clear(),
  };
}
