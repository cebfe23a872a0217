-- 0001_initial: the specification's three tables as written, their parent, and the ledger of scripts.
--
-- One transaction that records itself first: running it twice fails on the ledger's primary key and changes nothing.
-- Run it with `sqlite3 -bail FILE < 0001_initial.sql` or with `wizard-server schema apply`; both give the same database.

BEGIN IMMEDIATE;

-- The ledger: one row for each script that is in this database.
CREATE TABLE IF NOT EXISTS schema_migrations (
    -- The script's number, 1 for the first, without gaps
    version INTEGER PRIMARY KEY,

    -- The number of the script that had to be in before this one; 0 for the first
    requires INTEGER NOT NULL,

    -- The script's file name without `.sql`
    name TEXT NOT NULL UNIQUE,

    -- When it ran; ISO 8601, UTC, milliseconds
    applied_at TIMESTAMP NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

INSERT INTO schema_migrations (version, requires, name) VALUES (1, 0, '0001_initial');

-- The parent record: one row for each investigation. It outlives its state, so that the audit trail can stay.
CREATE TABLE investigations (
    -- Identifier; ^[A-Za-z0-9_-]{1,255}$
    id VARCHAR(255) PRIMARY KEY,

    -- When the investigation came into being; UTC
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
);

-- The wizard state: at most one row for each investigation. Timestamps are UTC.
CREATE TABLE investigation_states (
    -- Primary Key
    investigation_id VARCHAR(255) PRIMARY KEY,

    -- Ownership
    user_id VARCHAR(255) NOT NULL,

    -- Wizard State
    wizard_step VARCHAR(50) NOT NULL,  -- SETTINGS | PROGRESS | RESULTS
    settings_json TEXT,                -- JSON: InvestigationSettings
    progress_json TEXT,                -- JSON: InvestigationProgress
    results_json TEXT,                 -- JSON: InvestigationResults
    status VARCHAR(50) NOT NULL,       -- IN_PROGRESS | COMPLETED | ERROR | CANCELLED

    -- Timestamps
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL,
    last_accessed TIMESTAMP,

    -- Constraints
    FOREIGN KEY (investigation_id) REFERENCES investigations(id) ON DELETE CASCADE,
    CHECK (wizard_step IN ('SETTINGS', 'PROGRESS', 'RESULTS')),
    CHECK (status IN ('IN_PROGRESS', 'COMPLETED', 'ERROR', 'CANCELLED'))
);

CREATE INDEX idx_investigation_states_user ON investigation_states(user_id);
CREATE INDEX idx_investigation_states_status ON investigation_states(status);
CREATE INDEX idx_investigation_states_updated ON investigation_states(updated_at DESC);

-- Templates: settings that a user saved under a name, to start other investigations from. Timestamps are UTC.
CREATE TABLE investigation_templates (
    -- Primary Key
    template_id VARCHAR(255) PRIMARY KEY,

    -- Ownership
    user_id VARCHAR(255) NOT NULL,

    -- Template Metadata
    name VARCHAR(255) NOT NULL,
    description TEXT,

    -- Template Data
    template_json TEXT NOT NULL,       -- JSON: Complete template configuration

    -- Timestamps
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL,

    -- Usage Tracking: how many times the template was applied
    usage_count INTEGER DEFAULT 0 NOT NULL,

    -- Constraints
    UNIQUE(user_id, name),
    CHECK (usage_count >= 0)
);

CREATE INDEX idx_templates_user ON investigation_templates(user_id);
CREATE INDEX idx_templates_usage ON investigation_templates(usage_count DESC);
CREATE INDEX idx_templates_updated ON investigation_templates(updated_at DESC);

-- The audit trail: one row for each thing that was done to an investigation. Timestamps are UTC.
CREATE TABLE investigation_audit_log (
    -- Primary Key
    entry_id VARCHAR(255) PRIMARY KEY,

    -- Entity References: the investigation it was done to, the user who did it
    investigation_id VARCHAR(255) NOT NULL,
    user_id VARCHAR(255) NOT NULL,

    -- Action Details
    action_type VARCHAR(100) NOT NULL,  -- STATE_CHANGE | TEMPLATE_SAVED | etc.
    previous_state TEXT,                -- JSON: what it was before, the parts that changed
    new_state TEXT,                     -- JSON: what it is after, the parts that changed
    source VARCHAR(50) NOT NULL,        -- POLLING | WEBSOCKET | USER | SYSTEM

    -- Timestamp
    timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL,

    -- Constraints
    FOREIGN KEY (investigation_id) REFERENCES investigations(id) ON DELETE CASCADE,
    CHECK (source IN ('POLLING', 'WEBSOCKET', 'USER', 'SYSTEM'))
);

CREATE INDEX idx_audit_log_investigation ON investigation_audit_log(investigation_id);
CREATE INDEX idx_audit_log_user ON investigation_audit_log(user_id);
CREATE INDEX idx_audit_log_timestamp ON investigation_audit_log(timestamp DESC);
CREATE INDEX idx_audit_log_action ON investigation_audit_log(action_type);

COMMIT;
