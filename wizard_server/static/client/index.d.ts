import type { CreateClient, CreateWizardStore, Follow } from "./client.types.js";

export declare const createClient: CreateClient;
export declare const follow: Follow;
export declare const createWizardStore: CreateWizardStore;
/** Merge two edits of one value, member by member; `conflicts` names what both changed. */
export declare function merge<T>(base: T | undefined, mine: T, theirs: T): { merged: T; conflicts: string[] };
export * from "./wizard.types.js";
export * from "./client.types.js";
export type { ApiResponse } from "./client.types.js";
