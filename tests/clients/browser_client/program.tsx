// A strict TypeScript program of somebody else: React, zustand and zod beside the client.
import { createElement, useSyncExternalStore, type ReactElement } from "react";
import { createClient, createWizardStore, follow, WizardStep, type ApiResponse, type WizardStore } from "wizard-client";
import { WizardConfigSchema, WizardStateSchema, PaginatedResponseSchema, TemplateSchema } from "wizard-client/wizard.schemas.js";
import type { InvestigationSettings, WizardConfig, WizardState, WizardStoreActions, WizardStoreState } from "wizard-client/wizard.types";
import { useStore } from "zustand";
import type { z } from "zod";

const [baseUrl = ""] = process.argv.slice(2);
const client = createClient({ baseUrl });
const settings: InvestigationSettings = {
  name: "typed",
  entities: [{ entity_type: "user_id", entity_id: "u1" }],
  time_range: { start: "2026-01-01T00:00:00.000Z", end: "2026-01-02T00:00:00.000Z" },
  tools: [{ tool_name: "device", enabled: true }],
  correlation_mode: "OR",
  execution_mode: "parallel",
};
const store = createWizardStore({ client, storage: null, channel: null });
const asSpecified: WizardStoreState & WizardStoreActions = store.getState();

export function Name(): ReactElement {
  const name = useStore(store, (state: WizardStore) => state.wizardState?.settings?.name);
  const { connection } = useSyncExternalStore(store.subscribe, store.getState, store.getInitialState);
  return createElement("p", null, name, connection);
}

const made = await store.getState().createInvestigation(settings);
const answer: ApiResponse<WizardState> = await client.getState(made.investigation_id);
if (!answer.success || !answer.data) throw new Error(answer.error ?? answer.problem?.code);
const state: z.infer<typeof WizardStateSchema> = WizardStateSchema.parse(answer.data);
const config: WizardConfig = WizardConfigSchema.parse((await client.config()).data);
const templates = PaginatedResponseSchema(TemplateSchema).parse((await client.listTemplates({ pageSize: 5 })).data);
const followed = follow(client, made.investigation_id, { transport: "poll", onState: ({ version }) => void version });
await store.getState().updateWizardState({ wizard_step: WizardStep.PROGRESS });
if (store.getState().serverState?.wizard_step !== WizardStep.PROGRESS) throw new Error(store.getState().error ?? "no step");
followed.stop();
store.destroy();
console.log("as expected", state.investigation_id === made.investigation_id, config.polling.baseInterval > 0, templates.total, typeof asSpecified.syncWithServer);
