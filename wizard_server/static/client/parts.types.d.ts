// What the modules of the client say to one another. Programs need `client.types` only.
import type {
  ApiResponse, Change, Channel, Conflict, FollowedState, FollowStatus, PollingConfig, Problem, StoreOptions, WizardClient,
} from "./client.types.js";
import type { WizardStateUpdate } from "./wizard.types.js";

export type Update = WizardStateUpdate;
export type State = FollowedState;
export type Answer = ApiResponse<any>;

/**
 * One update that the server has not answered for good. `base` holds what its fields were when it was made; from the
 * moment it is sent until its answer, `mutationId` and `version` stay, so that sending it again is the same request.
 */
export interface Pending {
  updates: Update;
  base: Update;
  version: number;
  mutationId: string;
  sent: boolean;
  done: (() => void)[];
}

export interface Stuck {
  entry: Pending;
  conflict: Conflict;
}

export interface Rebased {
  queue: Pending[];
  settled: Pending[];
  conflict: Stuck | null;
}

export interface Synced {
  server: State | null;
  /** The server's state, and over it every update that is not answered. */
  seen: State | null;
  local: Update | null;
  conflict: Conflict | null;
  isSending: boolean;
  waiting: number;
}

export interface SyncSettings {
  client: WizardClient;
  id: string;
  config: PollingConfig;
  changed(synced: Synced): void;
  refused(reason: string | null): void;
  save(queue: readonly Pending[]): void;
}

export interface SessionSettings {
  client: WizardClient;
  transport: NonNullable<StoreOptions["transport"]>;
  storage: StoreOptions["storage"] | undefined;
  channel: StoreOptions["channel"] | undefined;
  id: string;
  config: PollingConfig;
  /** What is known already, in place of asking. */
  state?: State;
  show(synced: Synced): void;
  report(status: FollowStatus | null): void;
  refused(reason: string | null): void;
  received(state: State): void;
}

export interface Message {
  /** "hello", "state" or "status". */
  kind: string;
  id?: string;
  state?: State;
  reset?: boolean;
  status?: FollowStatus;
}

export interface Tab {
  name: string;
  channel: Channel | null;
  /** Lead until what it returns is called. */
  lead(): () => void;
  hear(message: Message): void;
  /** What a new tab is told. */
  greet(): Message[];
}

export interface Receiver {
  since(): number;
  onState(state: State, reset: boolean): void;
  onChange(change: Change): void;
  onOpen(open: boolean, reason?: string): void;
}

export interface Ended {
  reason?: string;
  retryAfterMs?: number | undefined;
}

export type Connect = (signal: AbortSignal, alive: () => void) => Promise<Ended>;

/** "gap": it does not follow on from what is known. */
export type Verdict = "taken" | "known" | "gap";

export interface Polled {
  kind: "whole" | "changes";
  answer: Answer;
  waited: boolean;
}

export type PollState = "loading" | "parked" | "interval" | "asking" | "retrying" | "draining" | "offline" | "asleep" | "stopped";
export type PollEvent =
  | "answered" | "cut" | "longer" | "failed" | "drained" | "due" | "lost" | "hidden" | "shown" | "offline" | "online" | "stop";

export type Failed = { status: number; problem?: Problem; retryAfterMs?: number };
