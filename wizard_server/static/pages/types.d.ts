/** How a view stands with the server, as the bar at the top says it. */
export interface Link {
  connection?: string;
  waiting?: number;
  syncedAt?: string | null;
  /** It has not been heard of yet. */
  hidden?: boolean;
}

/** What an address shows. */
export interface Route {
  name: "dashboard" | "templates" | "investigation";
  id?: string;
  tab?: string | undefined;
}

export interface Key {
  does: string;
  /** "page": only there. */
  where?: string;
  run(): unknown;
}

/** One of the pages: what it draws, and what it adds to the frame. */
export interface View {
  view(route: Route): unknown;
  title(route: Route): string;
  stop?(): void;
  entered?(route: Route): void;
  link?(): Link | null;
  dialog?(): unknown;
  keys?(): Record<string, Key>;
}

export interface Message {
  tone?: string;
  /** The words of a button, and what it does. */
  action?: string;
  run?(): unknown;
  /** Milliseconds; 0: until it is dismissed. */
  lasts?: number;
}
