// Answers of a real server, whose address is given, parse with the schemas.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createClient, createWizardStore } from "wizard-client";
import * as schemas from "wizard-client/wizard.schemas.js";
import { settingsNamed } from "./service.js";

const baseUrl = process.env.WIZARD_URL;
const client = createClient({ baseUrl });
const id = "schemas-1";
const settings = settingsNamed("real");
const raw = async (path, init) => (await fetch(`${baseUrl}/api/v1${path}`, init)).json();
const timestamp = "2026-11-27T00:00:00.000Z";

test("a whole investigation, its polls, history, templates and configuration", async () => {
  const made = await client.createState({ investigation_id: id, settings });
  const check = (name, value, item) => (item ? schemas[name](item) : schemas[name]).parse(value);
  check("WizardStateSchema", made.data);
  check("ApiResponseSchema", made, schemas.WizardStateSchema);
  await client.updateState(id, { wizard_step: "PROGRESS" });
  await client.reportProgress(id, { overall_progress: 5, phases: [{ phase_name: "p", status: "running", progress: 1 }], agents: [{ agent_name: "a", status: "s", progress: 2, logs: ["l"] }], logs: ["x"] });
  const results = { findings: [{ title: "t", description: "d", severity: "low", confidence: 0.5, evidence: [{ a: null }] }],
    risk_score: { overall_score: 1, category_scores: { c: 2 }, risk_level: "low" }, entity_summaries: { u: { n: null } }, visualizations: {}, completed_at: timestamp };
  const done = await client.updateState(id, { status: "COMPLETED", wizard_step: "RESULTS", results });
  assert.equal(done.status, 200, done.error);
  const whole = check("WizardStateSchema", done.data);
  assert.deepEqual(whole, done.data, "nothing is lost on the way");
  check("WizardStateSchema", await raw(`/wizard-state/${id}`));
  check("PollingResponseSchema", (await client.poll(id)).data);
  check("PollingResponseSchema", await raw(`/polling/wizard-state/${id}`));
  check("PaginatedResponseSchema", (await client.history(id)).data, schemas.AuditLogEntrySchema);
  const template = await client.createTemplate({ name: "t", settings });
  check("TemplateSchema", template.data);
  check("PaginatedResponseSchema", (await client.listTemplates()).data, schemas.TemplateSchema);
  check("PaginatedResponseSchema", await raw("/templates"));
  check("WizardConfigSchema", (await client.config()).data);
  check("ApiResponseSchema", await raw("/wizard-state/none"));
});

test("the store's state parses, and what is wrong does not", async () => {
  const store = createWizardStore({ client, storage: null, channel: null, transport: "poll" });
  after(() => store.destroy());
  await store.getState().openInvestigation(id);
  schemas.WizardStoreStateSchema.parse(store.getState());
  schemas.WizardStoreActionsSchema.parse(store.getState());
  schemas.PollingStateSchema.parse(store.getState().polling);
  const wrong = (name, value) => assert.equal(schemas[name].safeParse(value).success, false, name);
  wrong("WizardStateSchema", { ...store.getState().serverState, wizard_step: "NOWHERE" });
  wrong("InvestigationSettingsSchema", { ...settings, name: "" });
  wrong("InvestigationSettingsSchema", { ...settings, entities: [] });
  wrong("TimeRangeSchema", { start: settings.time_range.end, end: settings.time_range.start });
  wrong("FindingSchema", { title: "t", description: "d", severity: "s", confidence: 2, evidence: [] });
  wrong("ApiResponseSchema", { success: "yes" });
});

test("the client's objects have no null where the interfaces have none", async () => {
  const { data } = await client.getState(id);
  const nulls = (value) => Object.entries(value).filter(([, member]) => member === null).map(([name]) => name);
  assert.deepEqual(nulls(data), []);
  assert.deepEqual(nulls((await client.history(id)).data.items[0]), []);
});
