import type {
  ApiResponse as SpecifiedApiResponse, AuditLogEntry, InvestigationProgress, InvestigationSettings, PaginatedResponse,
  PollingConfig, PollingResponse, PollingState, Template, TemplateCreate, TemplateUpdate, WizardConfig, WizardState,
  WizardStateUpdate, WizardStoreActions, WizardStoreState,
} from "./wizard.types.js";

export type { PollingConfig };

/** An error body (RFC 9457); `code` says which. */
export interface Problem {
  code: string;
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  instance?: string;
  request_id?: string;
  errors?: { field: string; message: string; constraint: string }[];
  errors_total?: number;
  from?: string;
  to?: string;
  allowed?: string[];
  current?: FollowedState;
  version?: number;
  changed_fields?: string[];
  changed_by?: string;
  mergeable?: boolean;
  [member: string]: unknown;
}

export interface Failure {
  status: number;
  problem?: Problem;
}

/** The specification's `ApiResponse`, and what the answer's head says. `status` 0: there was no answer. */
export interface ApiResponse<T> extends SpecifiedApiResponse<T> {
  status: number;
  etag?: string;
  version?: number;
  problem?: Problem;
  /** The server's `Retry-After`, in milliseconds. */
  retryAfterMs?: number;
}

/** A state as the server sends it. */
export interface FollowedState extends WizardState {
  version: number;
  stalled?: boolean;
  stale?: boolean;
}

/** One committed change, as `/changes` and the push channels have it; `patch` is RFC 6902. */
export interface Change {
  version: number;
  timestamp: string;
  action_type: string;
  source: string;
  user_id: string;
  mutation_id?: string;
  fields_changed: string[];
  patch: { op: "add" | "remove" | "replace"; path: string; value?: any }[];
}

export interface ChangesResponse {
  investigation_id: string;
  from_version: number;
  to_version: number;
  changes: Change[];
  has_more: boolean;
  next_poll_interval: number;
}

/** What a list shows of an investigation. */
export interface Summary {
  investigation_id: string;
  user_id: string;
  name?: string;
  description?: string;
  wizard_step: string;
  status: string;
  version: number;
  [member: string]: unknown;
}

export interface ActiveInvestigations {
  investigations: Summary[];
  removed?: string[];
  total: number;
  limit: number;
  offset: number;
  timestamp: string;
  cursor: number | string;
  next_poll_interval?: number;
}

/** `ifMatch` and `ifNoneMatch` take a version or a whole tag; every other name is a parameter of the query. */
export interface Options {
  ifMatch?: number | string;
  ifNoneMatch?: number | string;
  /** The `Idempotency-Key`: the same key and body get the same answer. By default a new one for each call. */
  mutationId?: string;
  auditSource?: string;
  prefer?: string;
  contentType?: string;
  signal?: AbortSignal;
  [parameter: string]: unknown;
}

type Answer<T> = Promise<ApiResponse<T>>;

export interface ClientSettings {
  /** Where the server is, with or without `/api/v1`; by default where the page came from. */
  baseUrl?: string;
  token?: string;
  /** Asked before each request; with `refresh` after a 401, once. */
  getToken?: (how: { refresh: boolean }) => string | null | undefined | Promise<string | null | undefined>;
  /** For development, mode "none": the `X-User-Id`. */
  userId?: string;
  fetch?: typeof fetch;
  WebSocket?: typeof WebSocket;
}

/** Each resolves, refusals included; it rejects only when its `signal` is aborted. */
export interface WizardClient extends Readonly<ClientSettings> {
  createState(body: { investigation_id?: string; user_id?: string; settings?: InvestigationSettings } & WizardStateUpdate, options?: Options): Answer<FollowedState>;
  getState(id: string, options?: Options): Answer<FollowedState>;
  listStates(options?: Options): Answer<PaginatedResponse<Summary>>;
  /** Replace the fields that are there. */
  updateState(id: string, body: WizardStateUpdate & { version?: number }, options?: Options): Answer<FollowedState>;
  /** A merge patch (RFC 7396), or a list of operations (RFC 6902). */
  patchState(id: string, body: object, options?: Options): Answer<FollowedState>;
  deleteState(id: string, options?: Options): Answer<undefined>;
  history(id: string, options?: Options): Answer<PaginatedResponse<AuditLogEntry>>;
  appendHistory(id: string, body: object, options?: Options): Answer<AuditLogEntry>;
  reportProgress(id: string, body: Partial<InvestigationProgress> & object, options?: Options): Answer<FollowedState>;
  poll(id: string, options?: Options): Answer<PollingResponse & { version: number; reset?: boolean }>;
  changes(id: string, options?: Options): Answer<ChangesResponse>;
  activeInvestigations(options?: Options): Answer<ActiveInvestigations>;
  health(options?: Options): Answer<Record<string, any>>;
  listTemplates(options?: Options): Answer<PaginatedResponse<Template>>;
  createTemplate(body: TemplateCreate | { name: string; description?: string; from_investigation_id: string }, options?: Options): Answer<Template>;
  getTemplate(id: string, options?: Options): Answer<Template>;
  updateTemplate(id: string, body: TemplateUpdate, options?: Options): Answer<Template>;
  deleteTemplate(id: string, options?: Options): Answer<undefined>;
  applyTemplate(id: string, body: { investigation_id?: string; name?: string; overrides?: object }, options?: Options): Answer<FollowedState>;
  tools(options?: Options): Answer<{ items: { tool_name: string; parameters: object }[]; total: number }>;
  config(options?: Options): Answer<WizardConfig>;
  /** `baseUrl` without what every path begins with. */
  readonly root: string;
  currentToken(refresh?: boolean): Promise<string | null | undefined>;
  /** Send a request of one's own, with the client's identity. */
  send(path: string, init: RequestInit): Promise<Response>;
}

export type CreateClient = (settings?: ClientSettings) => WizardClient;

export type Connection = "live" | "polling" | "offline" | "draining";

export interface FollowStatus extends PollingState {
  connection: Connection;
  /** Patches that did not apply, each followed by a whole state. */
  fallbacks: number;
  problem?: Problem | null;
}

export interface FollowOptions {
  /** By default "auto": a WebSocket beside polling. */
  transport?: "auto" | "poll" | "websocket" | "sse";
  /** Go on after this version. */
  sinceVersion?: number;
  /** What is known already, in place of `sinceVersion`. */
  state?: FollowedState;
  config?: Partial<PollingConfig>;
  onState?: (state: FollowedState, how: { reset: boolean; mutationId?: string }) => void;
  onChange?: (change: Change) => void;
  onStatus?: (status: FollowStatus) => void;
}

export interface Followed {
  stop(): void;
  /** Ask for the whole state now. */
  refresh(): Promise<void>;
  readonly polling: FollowStatus;
}

export type Follow = (client: WizardClient, id: string, options?: FollowOptions) => Followed;

/** `mine` and `theirs` for the fields that both changed since `base`. */
export interface Conflict {
  fields: string[];
  base: WizardStateUpdate;
  mine: WizardStateUpdate;
  theirs: WizardStateUpdate;
}

export interface WizardStore extends WizardStoreState, WizardStoreActions {
  connection: Connection;
  lastSyncedAt: string | null;
  conflict: Conflict | null;
  /** How many updates wait for an answer. */
  waiting: number;
  openInvestigation(id: string): Promise<void>;
  createInvestigation(settings?: InvestigationSettings): Promise<WizardState>;
  /** End a conflict: send mine all the same, take theirs, or send `merged`. */
  resolveConflict(choice: "mine" | "theirs" | WizardStateUpdate): void;
}

export interface Channel {
  postMessage(message: any): void;
  close(): void;
  onmessage: ((event: any) => void) | null;
}

export interface StoreOptions {
  client: WizardClient;
  config?: Partial<PollingConfig> | WizardConfig;
  /** Where unsent settings survive a reload, `localStorage` by default; null: nowhere. */
  storage?: Pick<Storage, "getItem" | "setItem" | "removeItem"> | null;
  /** How tabs share one connection; by default a `BroadcastChannel`, null: not at all. */
  channel?: Channel | string | ((name: string) => Channel) | null;
  transport?: FollowOptions["transport"];
}

export interface WizardStoreApi {
  getState(): WizardStore;
  getInitialState(): WizardStore;
  setState(partial: Partial<WizardStore> | ((state: WizardStore) => Partial<WizardStore>), replace?: boolean): void;
  subscribe(listener: (state: WizardStore, previous: WizardStore) => void): () => void;
  /** Stop following and forget the listeners. */
  destroy(): void;
}

export type CreateWizardStore = (options: StoreOptions) => WizardStoreApi;
