// The store as it is under React's `useSyncExternalStore` and zustand's `useStore`, StrictMode on.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createElement as h, StrictMode, useEffect, useSyncExternalStore } from "react";
import TestRenderer, { act } from "react-test-renderer";
import { createClient, createWizardStore } from "wizard-client";
import { useStore } from "zustand";
import { createService, settingsNamed } from "./service.js";

globalThis.IS_REACT_ACT_ENVIRONMENT = true;
const said = [];
const own = console.error;
before(() => (console.error = (...text) => said.push(text.join(" "))));
after(() => (console.error = own));

const wait = (ms) => act(() => new Promise((resolve) => setTimeout(resolve, ms)));

test("two selectors on one store, StrictMode on: two questions to the server, and as many renders as there are changes", async () => {
  const service = createService();
  const client = createClient({ baseUrl: "http://service", fetch: service.fetch });
  const store = createWizardStore({ client, storage: null, channel: null, transport: "poll" });
  let renders = 0;
  const Name = () => {
    renders += 1;
    return h("p", null, useStore(store, ({ wizardState }) => wizardState?.settings?.name ?? "none"));
  };
  const Status = () => {
    const state = useSyncExternalStore(store.subscribe, store.getState, store.getInitialState);
    return h("p", null, `${state.wizardState?.status ?? "none"} ${state.polling.isPolling}`);
  };
  const App = () => {
    const error = useStore(store, (state) => state.error);
    useEffect(() => {
      void store.getState().openInvestigation("inv-1");
      store.getState().startPolling();
      return () => store.getState().stopPolling();
    }, []);
    return [h(Name, { key: 1 }), h(Status, { key: 2 }), error];
  };
  let root;
  await act(() => (root = TestRenderer.create(h(StrictMode, null, h(App)))));
  await wait(300);
  const texts = () => root.toJSON().filter(Boolean).map(({ children }) => children.join(""));
  assert.deepEqual(texts(), ["first", "IN_PROGRESS true"]);
  const asked = service.requests.length;
  assert.ok(asked <= 4, `${asked} requests`);
  const before = renders;
  await act(() => store.getState().updateWizardState({ settings: settingsNamed("second") }));
  await wait(300);
  assert.deepEqual(texts(), ["second", "IN_PROGRESS true"]);
  assert.ok(renders - before <= 4, `${renders - before} renders of a name that changed once`);
  assert.ok(service.requests.length - asked <= 4, `${service.requests.length - asked} requests`);
  await act(() => root.unmount());
  assert.equal(store.getState().polling.isPolling, false);
  store.destroy();
  assert.deepEqual(said.filter((text) => !text.includes("react-test-renderer is deprecated")), []);
});
