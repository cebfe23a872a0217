// The store's actions, and events over SSE, with a real server, whose address is given.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createClient, createWizardStore, follow } from "wizard-client";
import { settingsNamed } from "./service.js";

const client = createClient({ baseUrl: process.env.WIZARD_URL });
const store = createWizardStore({ client, storage: null, channel: null, transport: "poll" });
const actions = store.getState();
after(() => store.destroy());

test("templates: made, changed, applied to the open investigation, deleted", async () => {
  const made = await actions.createTemplate({ name: "first", settings: settingsNamed("of the template") });
  await actions.loadTemplates();
  assert.deepEqual(store.getState().templates.map(({ name }) => name), ["first"]);
  await actions.updateTemplate(made.template_id, { name: "renamed" });
  const [renamed] = store.getState().templates;
  assert.equal(renamed.name, "renamed");
  actions.selectTemplate(renamed);
  assert.equal(store.getState().selectedTemplate, renamed);
  await assert.rejects(actions.createTemplate({ name: "" }), ({ answer }) => answer.status === 422);

  const { investigation_id: id } = await actions.createInvestigation(settingsNamed("my own"));
  actions.applyTemplate(renamed);
  await actions.syncWithServer();
  assert.equal((await client.getState(id)).data.settings.name, "of the template");
  await actions.loadAuditLog(id);
  assert.deepEqual(store.getState().auditLog.map(({ action_type: action }) => action), ["STATE_CHANGE", "STATE_CREATED"]);

  await actions.deleteTemplate(made.template_id);
  assert.deepEqual([store.getState().templates, store.getState().selectedTemplate, store.getState().error], [[], null, null]);
});

test("server-sent events: a state, then each change once, and an end that leaves nothing open", async () => {
  const { data } = await client.createState({ settings: settingsNamed("v1") });
  const versions = [];
  let seen = () => {};
  const followed = follow(client, data.investigation_id, {
    transport: "sse",
    onState({ version }) {
      versions.push(version);
      seen();
    },
  });
  const reached = async (version) => {
    while (versions.at(-1) !== version) await new Promise((resolve) => (seen = resolve));
  };
  await reached(1);
  for (const version of [2, 3, 4]) {
    await client.updateState(data.investigation_id, { settings: settingsNamed(`v${version}`) });
    await reached(version);
  }
  assert.deepEqual(versions, [1, 2, 3, 4]);
  assert.equal(followed.polling.connection, "live");
  followed.stop();
});
