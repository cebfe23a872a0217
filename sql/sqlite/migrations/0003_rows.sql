-- 0003_rows: answers that hold over a restart, when agents were last heard, what lists show,
-- and templates that are JSON.
--
-- One transaction that records itself first: running it twice fails on the ledger's primary key, running it before
-- 0002 on the ledger's NOT NULL. No stored row stops it: a template that is no JSON stays as it is.

BEGIN IMMEDIATE;

INSERT INTO schema_migrations (version, requires, name)
VALUES (3, (SELECT version FROM schema_migrations WHERE version = 2), '0003_rows');

-- investigation_states ------------------------------------------------------------------------------------------------

-- When the agents last reported that nothing is new (ISO 8601, UTC, milliseconds); before updated_at it says nothing. NULL:
-- never. Like last_accessed it is no part of the state: writing it makes no version.
ALTER TABLE investigation_states ADD COLUMN heard_at TIMESTAMP;

-- What lists show from within the documents. NULL: the document is absent, is no JSON, or does not say it.
ALTER TABLE investigation_states ADD COLUMN description TEXT GENERATED ALWAYS AS (
    CASE WHEN json_valid(settings_json) THEN json_extract(settings_json, '$.description') END
) VIRTUAL;

-- How many entities are investigated.
ALTER TABLE investigation_states ADD COLUMN entity_count INTEGER GENERATED ALWAYS AS (
    CASE WHEN json_valid(settings_json) THEN json_array_length(settings_json, '$.entities') END
) VIRTUAL;

-- When the agents say that they began (ISO 8601, UTC, milliseconds).
ALTER TABLE investigation_states ADD COLUMN started_at TIMESTAMP GENERATED ALWAYS AS (
    CASE WHEN json_valid(progress_json) THEN json_extract(progress_json, '$.started_at') END
) VIRTUAL;

-- When the results say that the investigation was completed (ISO 8601, UTC, milliseconds).
ALTER TABLE investigation_states ADD COLUMN completed_at TIMESTAMP GENERATED ALWAYS AS (
    CASE WHEN json_valid(results_json) THEN json_extract(results_json, '$.completed_at') END
) VIRTUAL;

-- The risk that the results found: 0 to 100, and low, medium, high or critical.
ALTER TABLE investigation_states ADD COLUMN overall_score REAL GENERATED ALWAYS AS (
    CASE WHEN json_valid(results_json) THEN json_extract(results_json, '$.risk_score.overall_score') END
) VIRTUAL;
ALTER TABLE investigation_states ADD COLUMN risk_level TEXT GENERATED ALWAYS AS (
    CASE WHEN json_valid(results_json) THEN json_extract(results_json, '$.risk_score.risk_level') END
) VIRTUAL;

-- Which running investigation will be the next to count as stalled.
CREATE INDEX idx_investigation_states_running
ON investigation_states(user_id, updated_at, heard_at, investigation_id)
WHERE status = 'IN_PROGRESS' AND wizard_step = 'PROGRESS';

-- idempotency_keys ----------------------------------------------------------------------------------------------------

-- One row for each request with an Idempotency-Key that was carried out, written in the transaction of its change.
-- Rows older than 24 hours are removed. There is no foreign key: the answer outlives what it is about.
CREATE TABLE idempotency_keys (
    -- Who sent the request; keys of two users never meet
    user_id VARCHAR(255) NOT NULL,

    -- The header's value
    key VARCHAR(255) NOT NULL,

    -- SHA-256 of the request, in hexadecimal: another request with the same key is refused
    fingerprint VARCHAR(64) NOT NULL,

    -- The HTTP status of the answer
    status INTEGER NOT NULL,

    -- The investigation that the answer is about; NULL: none
    investigation_id VARCHAR(255),

    -- The version of its state that the answer shows; NULL: the answer shows no state
    version INTEGER,

    -- The body of the answer; NULL: it is empty. With a version only what follows the members of that state in it, which
    -- are made again from the trail; what begins with a brace has the state in it (where no trail is written)
    body TEXT,

    -- When the change was made; ISO 8601, UTC, milliseconds
    created_at TIMESTAMP NOT NULL,

    PRIMARY KEY (user_id, key),
    CONSTRAINT ck_idempotency_keys_status CHECK (status BETWEEN 200 AND 299),
    CONSTRAINT ck_idempotency_keys_version CHECK (version >= 1)
);

-- What is old enough to be removed.
CREATE INDEX idx_idempotency_keys_created ON idempotency_keys(created_at);

-- investigation_templates ---------------------------------------------------------------------------------------------

-- A template written by hand is JSON. Rows that are moved as they are (audit_switch 2: import, mending) may be anything.
CREATE TRIGGER trg_templates_inserted
BEFORE INSERT ON investigation_templates
WHEN NOT json_valid(NEW.template_json) AND (SELECT enabled FROM audit_switch) IS NOT 2
BEGIN
    SELECT RAISE(ABORT, 'template_json: malformed JSON');
END;

CREATE TRIGGER trg_templates_updated
BEFORE UPDATE OF template_json ON investigation_templates
WHEN NOT json_valid(NEW.template_json) AND (SELECT enabled FROM audit_switch) IS NOT 2
BEGIN
    SELECT RAISE(ABORT, 'template_json: malformed JSON');
END;

COMMIT;
