export const WizardStep = Object.freeze({ SETTINGS: "SETTINGS", PROGRESS: "PROGRESS", RESULTS: "RESULTS" });

export const InvestigationStatus = Object.freeze({
  IN_PROGRESS: "IN_PROGRESS", COMPLETED: "COMPLETED", ERROR: "ERROR", CANCELLED: "CANCELLED",
});

export const AuditSource = Object.freeze({ POLLING: "POLLING", WEBSOCKET: "WEBSOCKET", USER: "USER", SYSTEM: "SYSTEM" });
