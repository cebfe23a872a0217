import { DEFAULTS } from "./backoff.js";
import { createContainer } from "./container.js";
import { openSession } from "./session.js";
import { templateActions } from "./templates.js";

/** @import { CreateWizardStore, WizardStore } from "./client.types.js" */
/** @import { State } from "./parts.types.js" */
/** @import { WizardStep } from "./wizard.types.js" */

/** @type {WizardStore["polling"]} */
const RESTING = { isPolling: false, isConnected: false, lastUpdate: null, error: null, retryCount: 0, currentInterval: 0 };
/** What belongs to one investigation. */
const CLEARED = {
  wizardState: null, serverState: null, localChanges: null, isLoading: false, isSyncing: false, error: null,
  auditLog: [], lastSyncedAt: null, conflict: null, waiting: 0,
};

/** @type {CreateWizardStore} */
export function createWizardStore({ client, config = {}, storage = browserStorage(), channel, transport = "auto" }) {
  const polling = { ...DEFAULTS, ...("polling" in config ? config.polling : config) };
  /** @type {ReturnType<typeof openSession> | null} */
  let session = null;
  /** The step that the reader looks at, where that is not the server's. @type {WizardStep | null} */
  let view = null;
  let sending = false;
  let refreshing = 0;

  /** @type {ReturnType<typeof createContainer<WizardStore>>} */
  const container = createContainer(/** @type {WizardStore} */ ({
    ...CLEARED, polling: RESTING, templates: [], selectedTemplate: null, connection: "offline",
    setWizardState(state) {
      const known = session?.id === state.investigation_id ? session.sync.version : 0;
      const whole = /** @type {State} */ ({ version: known, ...state });
      if (session?.id !== state.investigation_id) open(state.investigation_id, whole);
      else session.receive(whole, whole.version === known);
    },
    async updateWizardState(updates) {
      if (!session) return set({ error: "no investigation is open" });
      set({ error: null });
      if (!session.sync.version) await session.ready;
      await session?.sync.update(updates);
    },
    async syncWithServer() {
      session?.sync.hurry();
      await get().refreshState();
      await session?.sync.settled();
    },
    rollbackChanges() {
      if (session?.sync.rollback()) void get().refreshState();
    },
    setCurrentStep(step) {
      const { wizardState, serverState } = get();
      view = step === serverState?.wizard_step ? null : step;
      if (wizardState) set({ wizardState: { ...wizardState, wizard_step: step } });
    },
    navigateToStep(step) {
      view = null;
      void get().updateWizardState({ wizard_step: step });
    },
    ...templateActions(client, (changes) => set(changes), () => get()),
    startPolling: () => session?.start(),
    stopPolling: () => session?.stop(),
    async refreshState() {
      const mine = session;
      refreshing += 1;
      syncing();
      await mine?.refresh().finally(() => {
        refreshing -= 1;
        syncing();
      });
    },
    async loadAuditLog(investigationId) {
      const answer = await client.history(investigationId, { pageSize: 100 });
      set(answer.success && answer.data ? { auditLog: answer.data.items } : { error: answer.error ?? null });
    },
    resetWizard() {
      close();
      container.setState({ ...container.getInitialState(), templates: get().templates });
    },
    async openInvestigation(id) {
      const opened = session?.id === id ? session : open(id);
      opened.start();
      await opened.ready;
      if (opened === session) set({ isLoading: false });
    },
    async createInvestigation(settings) {
      set({ isLoading: true, error: null });
      const answer = await client.createState(settings ? { settings } : {});
      set({ isLoading: false });
      if (!answer.success || !answer.data) {
        set({ error: answer.error ?? null });
        throw Object.assign(new Error(answer.error), { answer });
      }
      const opened = open(answer.data.investigation_id, answer.data);
      opened.start();
      await opened.ready;
      return answer.data;
    },
    resolveConflict: (choice) => session?.sync.resolve(choice),
  }));
  const { setState: set, getState: get } = container;
  const syncing = () => set({ isSyncing: sending || refreshing > 0 });

  /** @param {string} id @param {State} [state] */
  function open(id, state) {
    close();
    set({ ...CLEARED, isLoading: !state });
    session = openSession({
      client, id, config: polling, storage, channel, transport, ...(state ? { state } : {}),
      show({ server, seen, local, conflict, isSending, waiting }) {
        sending = isSending;
        set({
          serverState: server, localChanges: local, conflict, waiting, isSyncing: sending || refreshing > 0,
          wizardState: seen && view && view !== seen.wizard_step ? { ...seen, wizard_step: view } : seen,
        });
      },
      report(status) {
        const { connection = "offline", ...rest } = status ?? {};
        set({ connection, polling: status ? /** @type {typeof RESTING} */ (rest) : RESTING });
      },
      refused: (error) => set({ error }),
      received(whole) {
        if (whole.wizard_step !== get().serverState?.wizard_step) view = null;
        set({ lastSyncedAt: new Date().toISOString() });
      },
    });
    return session;
  }

  function close() {
    session?.close();
    session = view = null;
    sending = false;
  }

  const { getState, getInitialState, setState, subscribe, clear } = container;
  return {
    getState, getInitialState, setState, subscribe,
    destroy() {
      close();
      clear();
    },
  };
}

function browserStorage() {
  try {
    return globalThis.localStorage;
  } catch {
    return null; // forbidden
  }
}
