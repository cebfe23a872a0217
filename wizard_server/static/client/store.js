import { DEFAULTS } from "./backoff.js";
import { createContainer } from "./container.js";
import { createDrafts } from "./drafts.js";
import { follow } from "./follow.js";
import { createSync } from "./sync.js";
import { joinTabs } from "./tabs.js";
import { templateActions } from "./templates.js";

/**
 * @typedef {import("./client.types.js").CreateWizardStore} CreateWizardStore
 * @typedef {import("./client.types.js").WizardStore} WizardStore
 * @typedef {import("./client.types.js").FollowedState} State
 * @typedef {import("./wizard.types.js").WizardStep} WizardStep
 * @typedef {import("./wizard.types.js").WizardStateUpdate} Update
 */

/** @type {WizardStore["polling"]} */
const RESTING = { isPolling: false, isConnected: false, lastUpdate: null, error: null, retryCount: 0, currentInterval: 0 };

/** @type {CreateWizardStore} */
export function createWizardStore({ client, config = {}, storage = globalThis.localStorage, channel, transport = "auto" }) {
  const polling = { ...DEFAULTS, ...("polling" in config ? config.polling : config) };
  /** @type {ReturnType<typeof createSync> | null} */
  let sync = null;
  /** @type {ReturnType<typeof joinTabs> | null} */
  let tabs = null;
  /** @type {ReturnType<typeof follow> | null} */
  let following = null;
  /** @type {string | null} */
  let opened = null;
  let owner = "";
  /** The step that the reader looks at, where that is not the server's. @type {WizardStep | null} */
  let view = null;

  /** @type {ReturnType<typeof createContainer<WizardStore>>} */
  const container = createContainer(/** @type {WizardStore} */ ({
    wizardState: null, serverState: null, localChanges: null, isLoading: false, isSyncing: false, error: null,
    polling: RESTING, templates: [], selectedTemplate: null, auditLog: [],
    connection: "offline", lastSyncedAt: null, conflict: null, waiting: 0,
    setWizardState: (state) => receive(/** @type {State} */ (state)),
    async updateWizardState(updates) {
      if (!sync) return set({ error: "no investigation is open" });
      set({ error: null });
      await sync.update(updates);
    },
    async syncWithServer() {
      sync?.hurry();
      await Promise.all([container.getState().refreshState(), sync?.settled()]);
    },
    rollbackChanges: () => sync?.rollback(),
    setCurrentStep(step) {
      const { wizardState, serverState } = container.getState();
      view = step === serverState?.wizard_step ? null : step;
      if (wizardState) set({ wizardState: { ...wizardState, wizard_step: step } });
    },
    navigateToStep(step) {
      view = null;
      void container.getState().updateWizardState({ wizard_step: step });
    },
    ...templateActions(client, (changes) => container.setState(changes), () => container.getState()),
    startPolling: () => start(),
    stopPolling: () => stop(),
    async refreshState() {
      if (!opened) return;
      const id = opened;
      set({ isSyncing: true });
      try {
        const answer = await client.getState(id);
        if (id !== opened) return;
        if (answer.success && answer.data) receive(/** @type {State} */ (answer.data));
        else set({ error: answer.error ?? null });
      } finally {
        if (id === opened) set({ isSyncing: false });
      }
    },
    async loadAuditLog(investigationId) {
      const answer = await client.history(investigationId, { pageSize: 100 });
      set(answer.success && answer.data ? { auditLog: answer.data.items } : { error: answer.error ?? null });
    },
    resetWizard() {
      close();
      const { templates } = container.getState();
      container.setState({ ...container.getInitialState(), templates });
    },
    openInvestigation: open,
    async createInvestigation(settings) {
      set({ isLoading: true, error: null });
      const answer = await client.createState(settings ? { settings } : {}).finally(() => set({ isLoading: false }));
      if (!answer.success || !answer.data) {
        set({ error: answer.error ?? null });
        throw Object.assign(new Error(answer.error), { answer });
      }
      await open(answer.data.investigation_id, /** @type {State} */ (answer.data));
      return answer.data;
    },
    resolveConflict: (choice) => sync?.resolve(choice),
  }));
  const set = container.setState;

  /** @param {State} state @param {{reset?: boolean}} [how] */
  function receive(state, { reset = false } = {}) {
    if (state.wizard_step !== container.getState().serverState?.wizard_step) view = null;
    sync?.receive(state, reset);
    set({ lastSyncedAt: new Date().toISOString() });
  }

  /** @param {import("./sync.js").Synced} synced */
  function show({ server, seen, local, conflict, isSending, waiting }) {
    const known = container.getState().serverState;
    set({
      serverState: server, localChanges: local, conflict, waiting, isSyncing: isSending,
      wizardState: seen && view && view !== seen.wizard_step ? { ...seen, wizard_step: view } : seen,
    });
    if (server && server !== known) tabs?.tell({ kind: "state", id: opened, state: server });
  }

  /** @param {string} id @param {State} [state] */
  async function open(id, state) {
    close();
    opened = id;
    set({ ...cleared, isLoading: true });
    owner = await ownerOf(client);
    if (opened !== id) return;
    const drafts = createDrafts(storage, owner);
    sync = createSync({
      client, id, config: polling, queue: drafts.load(id),
      changed: show,
      refused: (error) => set({ error }),
      save: (queue) => drafts.save(id, queue),
    });
    const answer = state ? null : await client.getState(id);
    if (opened !== id) return;
    set({ isLoading: false });
    const found = state ?? answer?.data;
    if (found) receive(/** @type {State} */ (found));
    else set({ error: answer?.error ?? null });
    if (found || answer?.status !== 404) start();
  }

  function start() {
    if (!opened || tabs) return;
    const id = opened;
    const name = `wizard-client:${client.root}:${owner}:${id}`;
    tabs = joinTabs({
      name,
      channel: openChannel(channel, name),
      greet: () => ({ kind: "state", id, state: container.getState().serverState }),
      hear(message) {
        if (message.id !== id) return;
        if (message.kind === "state" && message.state) receive(message.state, message);
        if (message.kind === "status") report(message.status);
      },
      lead() {
        const { serverState } = container.getState();
        const followed = (following = follow(client, id, {
          transport, config: polling,
          ...(serverState ? { state: /** @type {State} */ (serverState) } : {}),
          onState(state, how) {
            receive(state, how);
            if (how.reset) tabs?.tell({ kind: "state", id, state, reset: true });
          },
          onStatus(status) {
            report(status);
            tabs?.tell({ kind: "status", id, status });
          },
        }));
        report(followed.polling);
        return () => followed.stop();
      },
    });
  }

  /** @param {import("./client.types.js").FollowStatus} status */
  function report(status) {
    const { connection, ...rest } = status;
    set({ connection, polling: rest });
    if (status.isConnected && !rest.error) sync?.hurry();
  }

  function stop() {
    tabs?.leave();
    tabs = following = null;
    set({ polling: RESTING, connection: "offline" });
  }

  function close() {
    stop();
    sync?.stop();
    sync = opened = view = null;
  }

  const { getState, getInitialState, setState, subscribe, clear } = container;
  const { wizardState, serverState, localChanges, conflict, auditLog, error, waiting, lastSyncedAt } = getInitialState();
  const cleared = { wizardState, serverState, localChanges, conflict, auditLog, error, waiting, lastSyncedAt };
  return {
    getState, getInitialState, setState, subscribe,
    destroy() {
      close();
      clear();
    },
  };
}

/** @param {import("./client.types.js").StoreOptions["channel"]} channel @param {string} name @returns {import("./tabs.js").Channel | null} */
function openChannel(channel, name) {
  if (channel === null || typeof channel === "object") return channel;
  if (typeof channel === "function") return channel(name);
  if (typeof channel === "string") return new BroadcastChannel(channel);
  return globalThis.document && globalThis.BroadcastChannel ? new BroadcastChannel(name) : null;
}

/**
 * Whose edits and states these are: two users of one browser share neither.
 * @param {import("./client.types.js").WizardClient} client
 */
async function ownerOf(client) {
  const token = await client.currentToken();
  try {
    const claims = token?.split(".")[1]?.replaceAll("-", "+").replaceAll("_", "/");
    return claims ? String(JSON.parse(atob(claims)).sub) : client.userId ?? "";
  } catch {
    return client.userId ?? "";
  }
}
