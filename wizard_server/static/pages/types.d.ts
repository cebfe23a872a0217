import type {
  ActiveInvestigations, ApiResponse, AuditLogEntry, FollowedState, InvestigationSettings, InvestigationStatus, WizardClient,
  WizardStateUpdate, WizardStep, WizardStore, WizardStoreApi,
} from "../client/index.js";

// ===== What is drawn =====

/** What may stand in a node; what is nothing or false is left out. */
export type Child = VNode | string | number | boolean | null | undefined | Child[];

/** An event at a control of ours: what it has is for the handler to know. */
export type Handler = (event: Event & { readonly target: any; readonly currentTarget: any; readonly key: string }) => any;

export interface Props {
  /** Tells children apart. */
  key?: string | number | undefined;
  /** Once, and after every change. */
  mounted?: ((element: any) => void) | undefined;
  updated?: ((element: any) => void) | undefined;
  style?: Record<string, string>;
  [event: `on${string}`]: Handler | null | undefined;
  [attribute: string]: any;
}

interface Placed {
  key?: string | number | undefined;
  mounted?: Props["mounted"];
  updated?: Props["updated"];
  /** Where it stands in the page. */
  element?: any;
}

export type VNode =
  | Placed & { tag: string; props: Props; children: VNode[] }
  | Placed & { tag?: undefined; text: string };

/** Draw one thing. */
export type Render<Given> = (given: Given) => VNode;
/** Draw it where there is something to draw. */
export type RenderIf<Given> = (given: Given) => Child;

// ===== The page and its views =====

export type Client = {
  [name in keyof WizardClient]: WizardClient[name] extends (...given: infer Given) => Promise<ApiResponse<infer T>>
    ? (...given: Given) => Promise<Answer<Told<T>>> : WizardClient[name];
};

/** Enumerations are their words here. */
type Told<T> = T extends FollowedState ? State : T extends ActiveInvestigations ? Listed : T;

/** An answer has its data, or says why not. */
export type Answer<T> = Omit<ApiResponse<T>, "success" | "data" | "error">
  & ({ success: true; data: T; error?: undefined } | { success: false; data?: undefined; error?: string });

export type Say = (text: string, how?: Message) => () => void;
export type Router = ReturnType<typeof import("./kit/router.js").createRouter>;
export type Session = ReturnType<typeof import("./kit/session.js").createSession>;

/** What every view is given. */
export interface App {
  client: Client;
  session: Session;
  loginUrl: string;
  hasCatalogue: string;
  router: Router;
  href: Router["href"];
  go: Router["go"];
  say: Say;
  ui: { dialog: "keys" | "user" | null; signInError: string };
  set(changes: Partial<App["ui"]>): void;
  open(dialog: App["ui"]["dialog"]): void;
  /** Draw anew, soon. */
  update(): void;
  keys(): Record<string, Key>;
}

/** How a view stands with the server, as the bar at the top says it. */
export interface Link {
  connection?: string;
  waiting?: number;
  syncedAt?: string | null;
  /** It has not been heard of yet. */
  hidden?: boolean;
}

/** How a view that asks by itself stands with the server: why not, since when, and when it asks again. */
export interface CutOff {
  error: string | null;
  syncedAt: string | null;
  retryAt: number;
}

/** What an address shows. */
export interface Route {
  name: "dashboard" | "templates" | "investigation";
  id?: string;
  tab?: Tab | undefined;
}

export interface Key {
  does: string;
  /** "page": only there. */
  where?: string;
  run(): unknown;
}

/** One of the pages: what it draws, and what it adds to the frame. */
export interface View {
  view(route: Route): Child;
  title(route: Route): string;
  stop?(): void;
  entered?(route: Route): void;
  link?(): Link | null;
  dialog?(): Child;
  keys?(): Record<string, Key>;
}

export interface Message {
  tone?: string | undefined;
  /** The words of a button, and what it does. */
  action?: string | undefined;
  run?: (() => unknown) | undefined;
  /** Milliseconds; 0: until it is dismissed. */
  lasts?: number;
}

/** What a dialog asks before what cannot be taken back. */
export interface Question {
  title: string;
  text: string;
  /** The words of the button that does it. */
  action: string;
  danger?: boolean;
  run(): unknown;
}

/** What a dialog asks for a line of text. */
export interface Asked {
  title: string;
  label: string;
  value?: string;
  action: string;
  run(text: string): unknown;
  close(): void;
}

export type Closing<T> = T & { close(): void };

// ===== An investigation =====

export type Step = `${WizardStep}`;
export type Status = `${InvestigationStatus}`;
export type Settings = InvestigationSettings;
export type State = Omit<FollowedState, "wizard_step" | "status"> & { wizard_step: Step; status: Status };
export type Updates = Omit<WizardStateUpdate, "wizard_step" | "status"> & { wizard_step?: Step; status?: Status };
/** A state of the past; `missing` says why there is none. */
export type Past = (State & { missing?: undefined }) | { missing: string };
export type Entry = AuditLogEntry;

export type Listed = Omit<ActiveInvestigations, "investigations"> & { investigations: Summary[]; reset?: boolean };

/** What a list shows of an investigation. */
export interface Summary {
  investigation_id: string;
  user_id: string;
  name?: string;
  description?: string;
  version: number;
  wizard_step: Step;
  status: Status;
  stalled?: boolean;
  created_at: string;
  updated_at: string;
  current_phase?: string;
  overall_progress?: number;
  risk_score?: { overall_score: number; risk_level: string };
  entity_count?: number;
}

export type Tab = "settings" | "progress" | "results" | "history";

/** The investigation that a page shows, as its parts are given it. */
export interface Here {
  id: string;
  store: WizardStoreApi;
  /** With what is not sent yet. */
  readonly state: State;
  readonly server: State;
  readonly isMine: boolean;
  path(tab: Tab): string;
  go(tab: Tab): void;
  update(updates: Updates): Promise<void>;
  ask(question: Question): void;
  part(name: Tab): Part;
}

/** What the address of an investigation shows below its steps. */
export interface Part {
  view(): Child;
  received?(now: WizardStore, before: WizardStore): void;
  entered?(): void;
  stop?(): void;
  dialog?(): Child;
  keys?(): Record<string, Key>;
}

// ===== Its settings =====

/** The settings as one types them, complete or not. */
export type Form = Settings;
/** The schema of each tool's parameters. */
export type Catalogue = Map<string, Schema>;
/** What is wrong, by the field. */
export type Found = Record<string, string>;
export type Draft = ReturnType<typeof import("./views/settings/draft.js").createDraft>;
export type Edit = (changes: Partial<Form>) => void;

/** A JSON Schema, as far as forms are made from it. */
export interface Schema {
  type?: string;
  title?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  required?: string[];
  items?: Schema;
  properties?: Record<string, Schema>;
}

/** What each group of the form is given. */
export interface Given {
  form: Form;
  edit: Edit;
  found: Found;
  locked: boolean;
  catalogue: Catalogue | null;
  search: { readonly text: string; set(text: string): void };
  /** The tools whose parameters are open. */
  opened: Set<string>;
  update(): void;
  ask(dialog: "paste"): void;
}

// ===== Its run =====

/** A line of the log; `agent` is empty for those of the run itself. */
export interface Line {
  n: number;
  at: string;
  agent: string;
  text: string;
  search: string;
}

export type Log = ReturnType<typeof import("./views/progress/log.js").createLog>;

// ===== Its results and its past =====

/** Of a chart: a name and its points. */
export type Series = [name: string, points: [x: any, y: number][]];

/** Rows of cells under names. */
export interface Table {
  columns: string[];
  rows: unknown[][];
}

/** A leaf in which two values differ. */
export interface Difference {
  path: string;
  kind: "added" | "removed" | "changed";
  before: unknown;
  now: unknown;
}
