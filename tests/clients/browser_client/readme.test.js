// The examples of the README, as they stand there: a store, React, zustand, on a real server.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createElement as h } from "react";
import TestRenderer, { act } from "react-test-renderer";
import { Cancel } from "./compiled/Cancel.js";
import { Progress } from "./compiled/Progress.js";
import { start, wizard } from "./compiled/wizard.js";

globalThis.IS_REACT_ACT_ENVIRONMENT = true;
const own = { log: console.log, error: console.error };
const logged = [];
before(() => Object.assign(console, { log: (...words) => logged.push(words.join(" ")), error() {} }));
after(() => {
  Object.assign(console, own);
  wizard.destroy();
});

async function until(condition) {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `${condition}`);
    await act(() => new Promise((resolve) => setTimeout(resolve, 10)));
  }
}

test("an investigation is started, followed in React, and cancelled with zustand", async () => {
  const id = await start("Card testing ring");
  let root;
  await act(() => (root = TestRenderer.create([h(Progress, { key: 1, id }), h(Cancel, { key: 2 })])));
  const texts = () => root.toJSON().map(({ children }) => children.join(""));
  await until(() => texts()[0] === "live: 0 %" && texts()[1] === "IN_PROGRESS");
  assert.ok(logged.includes("live Card testing ring 0"), logged.join("\n"));
  await act(() => root.root.findByType("button").props.onClick());
  await until(() => texts()[1] === "CANCELLED" && wizard.getState().serverState.status === "CANCELLED");
  await act(() => root.unmount());
});
