// The front end's interfaces as the specification has them, and that ours are these, additions apart.
import type * as Ours from "wizard-client/wizard.types";
import { AuditSource, InvestigationStatus, WizardStep } from "wizard-client/wizard.types";

type Json = Record<string, any>;
interface Entity { entity_type: string; entity_id: string; name?: string }
interface TimeRange { start: string; end: string }
interface ToolSelection { tool_name: string; enabled: boolean; parameters?: Json }
interface InvestigationSettings {
  name: string; description?: string; entities: Entity[]; time_range: TimeRange; tools: ToolSelection[];
  correlation_mode: "AND" | "OR"; execution_mode: "parallel" | "sequential";
}
interface PhaseStatus {
  phase_name: string; status: "pending" | "running" | "completed" | "error"; progress: number; started_at?: string; completed_at?: string;
}
interface AgentStatus { agent_name: string; status: string; progress: number; logs: string[] }
interface InvestigationProgress {
  overall_progress: number; current_phase?: string; phases: PhaseStatus[]; agents: AgentStatus[]; logs: string[]; started_at?: string;
}
interface Finding { title: string; description: string; severity: string; confidence: number; evidence: Json[] }
interface RiskScore { overall_score: number; category_scores: Record<string, number>; risk_level: "low" | "medium" | "high" | "critical" }
interface InvestigationResults {
  findings: Finding[]; risk_score: RiskScore; entity_summaries: Record<string, Json>; visualizations: Json; completed_at: string;
}
interface WizardState {
  investigation_id: string; user_id: string; wizard_step: WizardStep; settings?: InvestigationSettings; progress?: InvestigationProgress;
  results?: InvestigationResults; status: InvestigationStatus; created_at: string; updated_at: string; last_accessed?: string;
}
interface WizardStateUpdate {
  wizard_step?: WizardStep; settings?: InvestigationSettings; progress?: InvestigationProgress; results?: InvestigationResults; status?: InvestigationStatus;
}
interface Template {
  template_id: string; user_id: string; name: string; description?: string; settings: InvestigationSettings; usage_count: number;
  created_at: string; updated_at: string;
}
interface TemplateCreate { name: string; description?: string; settings: InvestigationSettings }
interface TemplateUpdate { name?: string; description?: string; settings?: InvestigationSettings }
interface PollingConfig {
  baseInterval: number; fastInterval: number; slowInterval: number; maxRetries: number; backoffMultiplier: number; maxBackoff: number;
}
interface PollingState {
  isPolling: boolean; isConnected: boolean; lastUpdate: string | null; error: string | null; retryCount: number; currentInterval: number;
}
interface PollingResponse { investigation_id: string; timestamp: string; state: WizardState; has_changes: boolean; next_poll_interval: number }
interface AuditLogEntry {
  entry_id: string; investigation_id: string; user_id: string; action_type: string; previous_state?: Json; new_state?: Json; source: AuditSource; timestamp: string;
}
interface WizardStoreState {
  wizardState: WizardState | null; serverState: WizardState | null; localChanges: WizardStateUpdate | null; isLoading: boolean; isSyncing: boolean;
  error: string | null; polling: PollingState; templates: Template[]; selectedTemplate: Template | null; auditLog: AuditLogEntry[];
}
interface WizardStoreActions {
  setWizardState: (state: WizardState) => void;
  updateWizardState: (updates: WizardStateUpdate) => Promise<void>;
  syncWithServer: () => Promise<void>;
  rollbackChanges: () => void;
  setCurrentStep: (step: WizardStep) => void;
  navigateToStep: (step: WizardStep) => void;
  loadTemplates: () => Promise<void>;
  createTemplate: (template: TemplateCreate) => Promise<Template>;
  updateTemplate: (id: string, updates: TemplateUpdate) => Promise<void>;
  deleteTemplate: (id: string) => Promise<void>;
  selectTemplate: (template: Template) => void;
  applyTemplate: (template: Template) => void;
  startPolling: () => void;
  stopPolling: () => void;
  refreshState: () => Promise<void>;
  loadAuditLog: (investigationId: string) => Promise<void>;
  resetWizard: () => void;
}
interface ApiResponse<T> { success: boolean; data?: T; error?: string; timestamp: string }
interface PaginatedResponse<T> { items: T[]; total: number; page: number; page_size: number; has_more: boolean }
interface WizardConfig {
  apiBaseUrl: string; wsBaseUrl: string; polling: PollingConfig;
  features: { enablePolling: boolean; enableTemplates: boolean; enableStateRecovery: boolean; enableAuditLog: boolean };
  ui: { maxEntitiesPerInvestigation: number; maxToolsPerInvestigation: number; maxTemplatesPerUser: number; stateCacheTtlDays: number };
}

// Each may stand for the other, and every member of the specification is as required or as optional in ours.
type Optional<T> = { [K in keyof T]-?: {} extends Pick<T, K> ? K : never }[keyof T];
type Same<Theirs, Mine> = [Theirs] extends [Mine] ? [Mine] extends [Theirs]
  ? [Exclude<Optional<Theirs>, Optional<Mine>>] extends [never] ? true : "optional is required" : "ours is not theirs" : "theirs is not ours";
type Pairs = [
  Same<Entity, Ours.Entity>, Same<TimeRange, Ours.TimeRange>, Same<ToolSelection, Ours.ToolSelection>,
  Same<InvestigationSettings, Ours.InvestigationSettings>, Same<PhaseStatus, Ours.PhaseStatus>, Same<AgentStatus, Ours.AgentStatus>,
  Same<InvestigationProgress, Ours.InvestigationProgress>, Same<Finding, Ours.Finding>, Same<RiskScore, Ours.RiskScore>,
  Same<InvestigationResults, Ours.InvestigationResults>, Same<WizardState, Ours.WizardState>,
  Same<WizardStateUpdate, Ours.WizardStateUpdate>, Same<Template, Ours.Template>, Same<TemplateCreate, Ours.TemplateCreate>,
  Same<TemplateUpdate, Ours.TemplateUpdate>, Same<PollingConfig, Ours.PollingConfig>, Same<PollingState, Ours.PollingState>,
  Same<PollingResponse, Ours.PollingResponse>, Same<AuditLogEntry, Ours.AuditLogEntry>, Same<WizardStoreState, Ours.WizardStoreState>,
  Same<WizardStoreActions, Ours.WizardStoreActions>, Same<ApiResponse<Entity>, Ours.ApiResponse<Entity>>,
  Same<PaginatedResponse<Entity>, Ours.PaginatedResponse<Entity>>, Same<WizardConfig, Ours.WizardConfig>,
];
type All<T extends readonly unknown[]> = { [K in keyof T]: true };
declare const pairs: Pairs;
export const compared: All<Pairs> = pairs;

const steps: Record<keyof typeof WizardStep, string> = { SETTINGS: "", PROGRESS: "", RESULTS: "" };
const statuses: Record<keyof typeof InvestigationStatus, string> = { IN_PROGRESS: "", COMPLETED: "", ERROR: "", CANCELLED: "" };
const sources: Record<keyof typeof AuditSource, string> = { POLLING: "", WEBSOCKET: "", USER: "", SYSTEM: "" };
export const enums = [steps, statuses, sources];
