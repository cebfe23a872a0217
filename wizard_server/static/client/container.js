/**
 * Call what a program gave us. What it throws is reported as its own fault and stops nothing here.
 * @template {any[]} T
 * @param {((...given: T) => void) | undefined} callback @param {T} given
 */
export function call(callback, ...given) {
  try {
    callback?.(...given);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

/**
 * A vanilla store as zustand and `useSyncExternalStore` take it: listeners run when the state is another object.
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
      for (const listener of [...listeners]) call(listener, state, previous);
    },
    /** @param {(state: T, previous: T) => void} listener */
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    clear: () => listeners.clear(),
  };
}
