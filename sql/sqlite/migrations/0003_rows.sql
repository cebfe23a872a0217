-- 0003_rows: answers that hold over a restart, when agents last reported, what lists show, templates that are JSON,
-- and views that say once what lists, dashboards and retention go by.
--
-- One transaction that records itself first: running it twice fails on the ledger's primary key, running it before
-- 0002 on the ledger's NOT NULL. No stored row stops it: a template that is no JSON stays as it is.

BEGIN IMMEDIATE;

INSERT INTO schema_migrations (version, requires, name)
VALUES (3, (SELECT version FROM schema_migrations WHERE version = 2), '0003_rows');

-- investigation_states ------------------------------------------------------------------------------------------------

-- When the agents last reported without a change (ISO 8601, UTC, milliseconds); NULL: never. It counts where it is later
-- than updated_at. Like last_accessed it is no part of the state: writing it makes no version.
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

-- For the running investigation that becomes stalled next.
CREATE INDEX idx_investigation_states_running
ON investigation_states(user_id, updated_at, heard_at, investigation_id)
WHERE status = 'IN_PROGRESS' AND wizard_step = 'PROGRESS';

-- idempotency_keys ----------------------------------------------------------------------------------------------------

-- One row for each request with an Idempotency-Key that was carried out, written in the transaction of its change.
-- Rows older than 24 hours are removed. There is no foreign key: the answer outlives what it is about.
CREATE TABLE idempotency_keys (
    -- Who sent the request; each user has keys of their own
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

    -- The body of the answer; NULL: it is empty. With a version it holds only what follows the members of the state, which
    -- are taken from the trail; where no trail is written it is the whole body and begins with a brace
    body TEXT,

    -- When the change was made; ISO 8601, UTC, milliseconds
    created_at TIMESTAMP NOT NULL,

    PRIMARY KEY (user_id, key),
    CONSTRAINT ck_idempotency_keys_status CHECK (status BETWEEN 200 AND 299),
    CONSTRAINT ck_idempotency_keys_version CHECK (version >= 1)
);

-- For the rows that have expired.
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

-- Views: what several statements share is said here once -------------------------------------------------------------
--
-- Each is dropped first, so that its text from `schema show` also replaces another one of its name. Statements join them
-- by `row`, the rowid: an id that was written by hand may be NULL.

-- What lists show of a state.
DROP VIEW IF EXISTS listed_states;
CREATE VIEW listed_states AS
SELECT rowid AS row, investigation_id, user_id, name, description, wizard_step, status, version, created_at, updated_at,
       last_accessed, entity_count, started_at, completed_at, overall_score, risk_level, heard_at
FROM investigation_states;

-- What dashboards show of a state: the same, its place in the order of changes, how far the agents are (0 to 100), and
-- what they are at.
DROP VIEW IF EXISTS dashboard_states;
CREATE VIEW dashboard_states AS
SELECT rowid AS row, investigation_id, user_id, name, description, wizard_step, status, version, created_at, updated_at,
       last_accessed, entity_count, started_at, completed_at, overall_score, risk_level, heard_at, change_seq,
       CASE WHEN json_valid(progress_json) THEN json_extract(progress_json, '$.overall_progress') END AS overall_progress,
       CASE WHEN json_valid(progress_json) THEN json_extract(progress_json, '$.current_phase') END AS current_phase
FROM investigation_states;

-- The running investigations, with the last report on each.
DROP VIEW IF EXISTS running_states;
CREATE VIEW running_states AS
SELECT rowid AS row, investigation_id, user_id, max(updated_at, coalesce(heard_at, '')) AS last_report
FROM investigation_states INDEXED BY idx_investigation_states_running
WHERE status = 'IN_PROGRESS' AND wizard_step = 'PROGRESS';

-- Entries, and when they were written (ISO 8601, UTC, milliseconds; NULL: the timestamp is no date).
DROP VIEW IF EXISTS dated_entries;
CREATE VIEW dated_entries AS
SELECT rowid AS row, investigation_id, version, timestamp,
       CASE WHEN timestamp GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
            THEN strftime('%Y-%m-%dT%H:%M:%fZ', timestamp) END AS written_at
FROM investigation_audit_log;

-- The entries that a trail can do without. A trail keeps the entry with the highest version; one without any version
-- keeps its last entry, unless there is a state: then nothing depends on it.
DROP VIEW IF EXISTS spare_entries;
CREATE VIEW spare_entries AS
SELECT a.row, a.investigation_id, a.timestamp, a.written_at
FROM dated_entries AS a
WHERE a.row <> (
        SELECT kept.rowid
        FROM investigation_audit_log AS kept
        WHERE kept.investigation_id = a.investigation_id
        ORDER BY kept.version DESC, kept.rowid DESC
        LIMIT 1
    )
    OR (a.version IS NULL AND EXISTS (
        SELECT 1 FROM investigation_states AS s WHERE s.investigation_id = a.investigation_id
    ));

-- Every investigation, and when it was finished: the last change of a terminal state, or the last entry where there is
-- no state (ISO 8601, UTC, milliseconds). NULL: it is not finished, or a timestamp that counts is no date.
DROP VIEW IF EXISTS finished_investigations;
CREATE VIEW finished_investigations AS
SELECT i.id,
       CASE
           WHEN s.investigation_id IS NULL THEN (
               SELECT CASE WHEN count(*) = count(a.written_at) THEN max(a.written_at) END
               FROM dated_entries AS a
               WHERE a.investigation_id = i.id
           )
           WHEN s.status IN ('COMPLETED', 'CANCELLED')
               AND s.updated_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
               THEN strftime('%Y-%m-%dT%H:%M:%fZ', s.updated_at)
       END AS finished_at
FROM investigations AS i LEFT JOIN investigation_states AS s ON s.investigation_id = i.id;

COMMIT;
