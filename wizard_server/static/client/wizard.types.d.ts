/**
 * Wizard TypeScript Type Definitions
 * Feature: 005-polling-and-persistence
 *
 * Complete type definitions for wizard state management,
 * polling integration, and template persistence.
 */

// ===== Enumerations =====

export declare enum WizardStep {
  SETTINGS = 'SETTINGS',
  PROGRESS = 'PROGRESS',
  RESULTS = 'RESULTS'
}

export declare enum InvestigationStatus {
  IN_PROGRESS = 'IN_PROGRESS',
  COMPLETED = 'COMPLETED',
  ERROR = 'ERROR',
  CANCELLED = 'CANCELLED'
}

export declare enum AuditSource {
  POLLING = 'POLLING',
  WEBSOCKET = 'WEBSOCKET',
  USER = 'USER',
  SYSTEM = 'SYSTEM'
}

// ===== Entity Types =====

export interface Entity {
  entity_type: string;
  entity_id: string;
  name?: string;
}

export interface TimeRange {
  start: string;  // ISO 8601 timestamp
  end: string;    // ISO 8601 timestamp
}

export interface ToolSelection {
  tool_name: string;
  enabled: boolean;
  parameters?: Record<string, any>;
}

// ===== Settings Types =====

export interface InvestigationSettings {
  name: string;
  description?: string;
  entities: Entity[];
  time_range: TimeRange;
  tools: ToolSelection[];
  correlation_mode: 'AND' | 'OR';
  execution_mode: 'parallel' | 'sequential';
}

// ===== Progress Types =====

export interface PhaseStatus {
  phase_name: string;
  status: 'pending' | 'running' | 'completed' | 'error';
  progress: number;  // 0-100
  started_at?: string;  // ISO 8601 timestamp
  completed_at?: string;  // ISO 8601 timestamp
}

export interface AgentStatus {
  agent_name: string;
  status: string;
  progress: number;  // 0-100
  logs: string[];
}

export interface InvestigationProgress {
  overall_progress: number;  // 0-100
  current_phase?: string;
  phases: PhaseStatus[];
  agents: AgentStatus[];
  logs: string[];
  started_at?: string;  // ISO 8601 timestamp
}

// ===== Results Types =====

export interface Finding {
  title: string;
  description: string;
  severity: string;
  confidence: number;  // 0-1
  evidence: Record<string, any>[];
}

export interface RiskScore {
  overall_score: number;  // 0-100
  category_scores: Record<string, number>;
  risk_level: 'low' | 'medium' | 'high' | 'critical';
}

export interface InvestigationResults {
  findings: Finding[];
  risk_score: RiskScore;
  entity_summaries: Record<string, Record<string, any>>;
  visualizations: Record<string, any>;
  completed_at: string;  // ISO 8601 timestamp
}

// ===== Wizard State Types =====

export interface WizardState {
  investigation_id: string;
  user_id: string;
  wizard_step: WizardStep;
  settings?: InvestigationSettings;
  progress?: InvestigationProgress;
  results?: InvestigationResults;
  status: InvestigationStatus;
  created_at: string;  // ISO 8601 timestamp
  updated_at: string;  // ISO 8601 timestamp
  last_accessed?: string;  // ISO 8601 timestamp
}

export interface WizardStateUpdate {
  wizard_step?: WizardStep;
  settings?: InvestigationSettings;
  progress?: InvestigationProgress;
  results?: InvestigationResults;
  status?: InvestigationStatus;
}

// ===== Template Types =====

export interface Template {
  template_id: string;
  user_id: string;
  name: string;
  description?: string;
  settings: InvestigationSettings;
  usage_count: number;
  created_at: string;  // ISO 8601 timestamp
  updated_at: string;  // ISO 8601 timestamp
}

export interface TemplateCreate {
  name: string;
  description?: string;
  settings: InvestigationSettings;
}

export interface TemplateUpdate {
  name?: string;
  description?: string;
  settings?: InvestigationSettings;
}

// ===== Polling Types =====

export interface PollingConfig {
  baseInterval: number;        // 2000ms - Normal polling interval
  fastInterval: number;        // 500ms - Fast polling when active
  slowInterval: number;        // 5000ms - Slow polling when idle
  maxRetries: number;          // 3 - Max consecutive failures
  backoffMultiplier: number;   // 2 - Exponential backoff
  maxBackoff: number;          // 30000ms - Max backoff interval
}

export interface PollingState {
  isPolling: boolean;
  isConnected: boolean;
  lastUpdate: string | null;  // ISO 8601 timestamp
  error: string | null;
  retryCount: number;
  currentInterval: number;
}

export interface PollingResponse {
  investigation_id: string;
  timestamp: string;  // ISO 8601 timestamp
  state: WizardState;
  has_changes: boolean;
  next_poll_interval: number;  // milliseconds
}

// ===== Audit Log Types =====

export interface AuditLogEntry {
  entry_id: string;
  investigation_id: string;
  user_id: string;
  action_type: string;
  previous_state?: Record<string, any>;
  new_state?: Record<string, any>;
  source: AuditSource;
  timestamp: string;  // ISO 8601 timestamp
}

// ===== Store Types =====

export interface WizardStoreState {
  // Current state
  wizardState: WizardState | null;
  serverState: WizardState | null;  // Last confirmed server state
  localChanges: WizardStateUpdate | null;  // Optimistic local changes

  // UI state
  isLoading: boolean;
  isSyncing: boolean;
  error: string | null;

  // Polling state
  polling: PollingState;

  // Templates
  templates: Template[];
  selectedTemplate: Template | null;

  // History
  auditLog: AuditLogEntry[];
}

export interface WizardStoreActions {
  // State management
  setWizardState: (state: WizardState) => void;
  updateWizardState: (updates: WizardStateUpdate) => Promise<void>;
  syncWithServer: () => Promise<void>;
  rollbackChanges: () => void;

  // Step navigation
  setCurrentStep: (step: WizardStep) => void;
  navigateToStep: (step: WizardStep) => void;

  // Templates
  loadTemplates: () => Promise<void>;
  createTemplate: (template: TemplateCreate) => Promise<Template>;
  updateTemplate: (id: string, updates: TemplateUpdate) => Promise<void>;
  deleteTemplate: (id: string) => Promise<void>;
  selectTemplate: (template: Template) => void;
  applyTemplate: (template: Template) => void;

  // Polling
  startPolling: () => void;
  stopPolling: () => void;
  refreshState: () => Promise<void>;

  // Audit log
  loadAuditLog: (investigationId: string) => Promise<void>;

  // Lifecycle
  resetWizard: () => void;
}

// ===== API Response Types =====

export interface ApiResponse<T> {
  success: boolean;
  data?: T;
  error?: string;
  timestamp: string;  // ISO 8601 timestamp
}

export interface PaginatedResponse<T> {
  items: T[];
  total: number;
  page: number;
  page_size: number;
  has_more: boolean;
}

// ===== Configuration Types =====

export interface WizardConfig {
  apiBaseUrl: string;
  wsBaseUrl: string;
  polling: PollingConfig;
  features: {
    enablePolling: boolean;
    enableTemplates: boolean;
    enableStateRecovery: boolean;
    enableAuditLog: boolean;
  };
  ui: {
    maxEntitiesPerInvestigation: number;
    maxToolsPerInvestigation: number;
    maxTemplatesPerUser: number;
    stateCacheTtlDays: number;
  };
}

