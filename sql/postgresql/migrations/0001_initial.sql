-- 0001_initial: the specification's three tables as written, their parent, and the ledger of scripts.
--
-- One transaction that records itself first: running it twice fails on the ledger's primary key and changes nothing.
-- Run it with `psql -X -v ON_ERROR_STOP=1 -f 0001_initial.sql URL` or with `wizard-server schema apply`; both give the same
-- database. PostgreSQL 14 or newer, UTF8. Texts that are compared or sorted are of the collation "C": their order is
-- that of their code points, on every machine.

BEGIN;

-- The ledger: one row for each script that is in this database.
CREATE TABLE IF NOT EXISTS schema_migrations (
    -- The script's number, 1 for the first, without gaps
    version INTEGER PRIMARY KEY,

    -- The number of the script that had to be in before this one; 0 for the first
    requires INTEGER NOT NULL,

    -- The script's file name without `.sql`
    name TEXT COLLATE "C" NOT NULL UNIQUE,

    -- When it ran
    applied_at TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO schema_migrations (version, requires, name) VALUES (1, 0, '0001_initial');

-- The parent record: one row for each investigation. It outlives its state, so that the audit trail can stay.
CREATE TABLE investigations (
    -- Identifier; ^[A-Za-z0-9_-]{1,255}$
    id VARCHAR(255) COLLATE "C" PRIMARY KEY,

    -- When the investigation came into being
    created_at TIMESTAMPTZ(3) DEFAULT CURRENT_TIMESTAMP NOT NULL
);

-- The wizard state: at most one row for each investigation.
CREATE TABLE investigation_states (
    -- Primary Key
    investigation_id VARCHAR(255) COLLATE "C" PRIMARY KEY,

    -- Ownership
    user_id VARCHAR(255) COLLATE "C" NOT NULL,

    -- Wizard State
    wizard_step VARCHAR(50) COLLATE "C" NOT NULL,  -- SETTINGS | PROGRESS | RESULTS
    settings_json TEXT,                            -- JSON: InvestigationSettings
    progress_json TEXT,                            -- JSON: InvestigationProgress
    results_json TEXT,                             -- JSON: InvestigationResults
    status VARCHAR(50) COLLATE "C" NOT NULL,       -- IN_PROGRESS | COMPLETED | ERROR | CANCELLED

    -- Timestamps
    created_at TIMESTAMPTZ(3) DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at TIMESTAMPTZ(3) DEFAULT CURRENT_TIMESTAMP NOT NULL,
    last_accessed TIMESTAMPTZ(3),

    -- Constraints
    FOREIGN KEY (investigation_id) REFERENCES investigations(id) ON DELETE CASCADE,
    CONSTRAINT ck_wizard_step CHECK (wizard_step IN ('SETTINGS', 'PROGRESS', 'RESULTS')),
    CONSTRAINT ck_status CHECK (status IN ('IN_PROGRESS', 'COMPLETED', 'ERROR', 'CANCELLED'))
);

CREATE INDEX idx_investigation_states_user ON investigation_states(user_id);
CREATE INDEX idx_investigation_states_status ON investigation_states(status);
CREATE INDEX idx_investigation_states_updated ON investigation_states(updated_at DESC);

-- Templates: settings that a user saved under a name, to start other investigations from.
CREATE TABLE investigation_templates (
    -- Primary Key
    template_id VARCHAR(255) COLLATE "C" PRIMARY KEY,

    -- Ownership
    user_id VARCHAR(255) COLLATE "C" NOT NULL,

    -- Template Metadata
    name VARCHAR(255) COLLATE "C" NOT NULL,
    description TEXT COLLATE "C",

    -- Template Data
    template_json TEXT NOT NULL,       -- JSON: Complete template configuration

    -- Timestamps
    created_at TIMESTAMPTZ(3) DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at TIMESTAMPTZ(3) DEFAULT CURRENT_TIMESTAMP NOT NULL,

    -- Usage Tracking: how many times the template was applied
    usage_count INTEGER DEFAULT 0 NOT NULL,

    -- Constraints
    CONSTRAINT uq_user_template_name UNIQUE (user_id, name),
    CONSTRAINT ck_usage_count_positive CHECK (usage_count >= 0)
);

CREATE INDEX idx_templates_user ON investigation_templates(user_id);
CREATE INDEX idx_templates_usage ON investigation_templates(usage_count DESC);
CREATE INDEX idx_templates_updated ON investigation_templates(updated_at DESC);

-- The audit trail: one row for each thing that was done to an investigation.
CREATE TABLE investigation_audit_log (
    -- Primary Key
    entry_id VARCHAR(255) COLLATE "C" PRIMARY KEY,

    -- Entity References: the investigation it was done to, the user who did it
    investigation_id VARCHAR(255) COLLATE "C" NOT NULL,
    user_id VARCHAR(255) COLLATE "C" NOT NULL,

    -- Action Details
    action_type VARCHAR(100) COLLATE "C" NOT NULL,  -- STATE_CHANGE | TEMPLATE_SAVED | etc.
    previous_state TEXT,                            -- JSON: what it was before, the parts that changed
    new_state TEXT,                                 -- JSON: what it is after, the parts that changed
    source VARCHAR(50) COLLATE "C" NOT NULL,        -- POLLING | WEBSOCKET | USER | SYSTEM

    -- Timestamp
    timestamp TIMESTAMPTZ(3) DEFAULT CURRENT_TIMESTAMP NOT NULL,

    -- Constraints
    FOREIGN KEY (investigation_id) REFERENCES investigations(id) ON DELETE CASCADE,
    CONSTRAINT ck_source CHECK (source IN ('POLLING', 'WEBSOCKET', 'USER', 'SYSTEM'))
);

CREATE INDEX idx_audit_log_investigation ON investigation_audit_log(investigation_id);
CREATE INDEX idx_audit_log_user ON investigation_audit_log(user_id);
CREATE INDEX idx_audit_log_timestamp ON investigation_audit_log(timestamp DESC);
CREATE INDEX idx_audit_log_action ON investigation_audit_log(action_type);

-- Documents are compressed with lz4, which costs the server half of what its default does; a server that was built
-- without it keeps the default.
DO $$
BEGIN
    IF 'lz4' = ANY ((SELECT enumvals FROM pg_settings WHERE name = 'default_toast_compression')::TEXT[]) THEN
        ALTER TABLE investigation_states
            ALTER COLUMN settings_json SET COMPRESSION lz4,
            ALTER COLUMN progress_json SET COMPRESSION lz4,
            ALTER COLUMN results_json SET COMPRESSION lz4;
        ALTER TABLE investigation_templates
            ALTER COLUMN template_json SET COMPRESSION lz4;
        ALTER TABLE investigation_audit_log
            ALTER COLUMN previous_state SET COMPRESSION lz4,
            ALTER COLUMN new_state SET COMPRESSION lz4;
    END IF;
END;
$$;

COMMIT;
