export { createClient } from "./api.js";
export { follow } from "./follow.js";
export { merge } from "./merge.js";
export { createWizardStore } from "./store.js";
export { AuditSource, InvestigationStatus, WizardStep } from "./wizard.types.js";
