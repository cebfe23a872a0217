-- 0003_rows: answers that hold over a restart, when agents last reported, what lists show, templates that are JSON,
-- and views that say once what lists, dashboards and retention go by.
--
-- One transaction that records itself first: running it twice fails on the ledger's primary key, running it before
-- 0002 on the ledger's NOT NULL. No stored row stops it: a template that is no JSON stays as it is.

BEGIN;

INSERT INTO schema_migrations (version, requires, name)
VALUES (3, (SELECT version FROM schema_migrations WHERE version = 2), '0003_rows');

-- investigation_states ------------------------------------------------------------------------------------------------

ALTER TABLE investigation_states
    -- When the agents last reported without a change; NULL: never. It counts where it is later than updated_at. Like
    -- last_accessed it is no part of the state: writing it makes no version.
    ADD COLUMN heard_at TIMESTAMPTZ(3),

    -- What lists show from within the documents: the server writes it with them, the trigger below after an edit by
    -- hand. NULL: the document is absent or does not say it. `name_folded` is the name without regard to case (Python's
    -- str.casefold()); NULL after an edit by hand, when lower(name) stands in for it.
    ADD COLUMN name TEXT COLLATE "C",
    ADD COLUMN name_folded TEXT COLLATE "C",
    ADD COLUMN description TEXT COLLATE "C",

    -- How many entities are investigated.
    ADD COLUMN entity_count INTEGER,

    -- When the agents say that they began, how far they are (0 to 100), and what they are at.
    ADD COLUMN started_at TEXT COLLATE "C",
    ADD COLUMN overall_progress DOUBLE PRECISION,
    ADD COLUMN current_phase TEXT COLLATE "C",

    -- When the results say that the investigation was completed, and the risk that they found: 0 to 100, and low,
    -- medium, high or critical.
    ADD COLUMN completed_at TEXT COLLATE "C",
    ADD COLUMN overall_score DOUBLE PRECISION,
    ADD COLUMN risk_level TEXT COLLATE "C";

-- investigation_audit_log ---------------------------------------------------------------------------------------------

ALTER TABLE investigation_audit_log
    -- The name of the state before the commit of the entry, without regard to case: where it stands in a list whose first
    -- page was read before. NULL: it had none, or the entry was made by hand or brought; then lower() of the name stands
    -- in for it.
    ADD COLUMN name_before TEXT COLLATE "C";

-- For the running investigation that becomes stalled next.
CREATE INDEX idx_investigation_states_running
ON investigation_states(user_id, greatest(updated_at, heard_at), investigation_id)
WHERE status = 'IN_PROGRESS' AND wizard_step = 'PROGRESS';

-- The text `document` as JSON; NULL when it is none.
CREATE OR REPLACE FUNCTION wizard_json_or_null(document TEXT) RETURNS JSON
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
    RETURN document::JSON;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END;
$$;

-- The member `name` of a document if it is a number.
CREATE OR REPLACE FUNCTION wizard_number(document JSON, name TEXT) RETURNS DOUBLE PRECISION
LANGUAGE SQL IMMUTABLE
AS $$
    SELECT CASE json_typeof(document -> name) WHEN 'number' THEN (document ->> name)::DOUBLE PRECISION END;
$$;

-- What lists show of a state with these documents.
CREATE OR REPLACE FUNCTION wizard_described(
    settings_json TEXT, progress_json TEXT, results_json TEXT,
    OUT name TEXT, OUT description TEXT, OUT entity_count INTEGER,
    OUT started_at TEXT, OUT overall_progress DOUBLE PRECISION, OUT current_phase TEXT,
    OUT completed_at TEXT, OUT overall_score DOUBLE PRECISION, OUT risk_level TEXT
)
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    settings CONSTANT JSON := wizard_json_or_null(settings_json);
    progress CONSTANT JSON := wizard_json_or_null(progress_json);
    results CONSTANT JSON := wizard_json_or_null(results_json);
BEGIN
    entity_count := CASE json_typeof(settings -> 'entities')
        WHEN 'array' THEN json_array_length(settings -> 'entities')
    END;
    overall_progress := wizard_number(progress, 'overall_progress');
    overall_score := wizard_number(results -> 'risk_score', 'overall_score');
    risk_level := results -> 'risk_score' ->> 'risk_level';
    completed_at := results ->> 'completed_at';
    started_at := progress ->> 'started_at';
    current_phase := progress ->> 'current_phase';
    name := settings ->> 'name';
    description := settings ->> 'description';
EXCEPTION WHEN data_exception THEN
    NULL;  -- a text with U+0000, which no column can hold: what comes after it is not shown
END;
$$;

UPDATE investigation_states AS s
SET (name, description, entity_count, started_at, overall_progress, current_phase, completed_at, overall_score,
     risk_level) = (
    SELECT d.name, d.description, d.entity_count, d.started_at, d.overall_progress, d.current_phase, d.completed_at,
           d.overall_score, d.risk_level
    FROM wizard_described(s.settings_json, s.progress_json, s.results_json) AS d
);

-- The same for a document that was written by hand, which has to be JSON. Triggers fire in the order of their names:
-- this one before trg_states_edited and trg_states_inserted, which set last_entry.
CREATE OR REPLACE FUNCTION states_described() RETURNS TRIGGER
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    PERFORM wizard_json('settings_json', NEW.settings_json), wizard_json('progress_json', NEW.progress_json),
            wizard_json('results_json', NEW.results_json);
    SELECT d.name, NULL, d.description, d.entity_count, d.started_at, d.overall_progress, d.current_phase,
           d.completed_at, d.overall_score, d.risk_level
    INTO NEW.name, NEW.name_folded, NEW.description, NEW.entity_count, NEW.started_at, NEW.overall_progress,
         NEW.current_phase, NEW.completed_at, NEW.overall_score, NEW.risk_level
    FROM wizard_described(NEW.settings_json, NEW.progress_json, NEW.results_json) AS d;
    RETURN NEW;
END;
$$;

CREATE OR REPLACE TRIGGER trg_states_described_edited
BEFORE UPDATE OF settings_json, progress_json, results_json ON investigation_states
FOR EACH ROW
WHEN (NEW.last_entry = OLD.last_entry AND (
    NEW.settings_json IS DISTINCT FROM OLD.settings_json
    OR NEW.progress_json IS DISTINCT FROM OLD.progress_json
    OR NEW.results_json IS DISTINCT FROM OLD.results_json
))
EXECUTE FUNCTION states_described();

CREATE OR REPLACE TRIGGER trg_states_described_inserted
BEFORE INSERT ON investigation_states
FOR EACH ROW
WHEN (NEW.last_entry IS NULL)
EXECUTE FUNCTION states_described();

-- idempotency_keys ----------------------------------------------------------------------------------------------------

-- One row for each request with an Idempotency-Key that was carried out, written in the transaction of its change.
-- Rows older than 24 hours are removed. There is no foreign key: the answer outlives what it is about.
CREATE TABLE idempotency_keys (
    -- Who sent the request; each user has keys of their own
    user_id VARCHAR(255) COLLATE "C" NOT NULL,

    -- The header's value
    key VARCHAR(255) COLLATE "C" NOT NULL,

    -- SHA-256 of the request, in hexadecimal: another request with the same key is refused
    fingerprint VARCHAR(64) COLLATE "C" NOT NULL,

    -- The HTTP status of the answer
    status INTEGER NOT NULL,

    -- The investigation that the answer is about; NULL: none
    investigation_id VARCHAR(255) COLLATE "C",

    -- The version of its state that the answer shows; NULL: the answer shows no state
    version BIGINT,

    -- The body of the answer; NULL: it is empty. With a version it holds only what follows the members of the state, which
    -- are taken from the trail; where no trail is written it is the whole body and begins with a brace
    body TEXT,

    -- When the change was made
    created_at TIMESTAMPTZ(3) NOT NULL,

    PRIMARY KEY (user_id, key),
    CONSTRAINT ck_idempotency_keys_status CHECK (status BETWEEN 200 AND 299),
    CONSTRAINT ck_idempotency_keys_version CHECK (version >= 1)
);

-- For the rows that have expired.
CREATE INDEX idx_idempotency_keys_created ON idempotency_keys(created_at);

DO $$
BEGIN
    IF 'lz4' = ANY ((SELECT enumvals FROM pg_settings WHERE name = 'default_toast_compression')::TEXT[]) THEN
        ALTER TABLE idempotency_keys ALTER COLUMN body SET COMPRESSION lz4;
    END IF;
END;
$$;

-- investigation_templates ---------------------------------------------------------------------------------------------

-- Name and description without regard to case, as investigation_states.name_folded.
ALTER TABLE investigation_templates
    ADD COLUMN name_folded TEXT COLLATE "C",
    ADD COLUMN description_folded TEXT COLLATE "C";

-- Users who have templates: their row is locked while one is added, so that two servers together keep the limit.
CREATE TABLE template_owners (
    user_id VARCHAR(255) COLLATE "C" PRIMARY KEY
);

-- A template written by hand is JSON. Rows that are moved as they are (audit_switch 2: import, mending) may be anything.
CREATE OR REPLACE FUNCTION templates_written() RETURNS TRIGGER
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    IF (SELECT enabled FROM audit_switch) <> 2 THEN
        PERFORM wizard_json('template_json', NEW.template_json);
    END IF;
    RETURN NEW;
END;
$$;

CREATE OR REPLACE TRIGGER trg_templates_inserted
BEFORE INSERT ON investigation_templates
FOR EACH ROW
EXECUTE FUNCTION templates_written();

CREATE OR REPLACE TRIGGER trg_templates_updated
BEFORE UPDATE OF template_json ON investigation_templates
FOR EACH ROW
EXECUTE FUNCTION templates_written();

-- After a name or description is changed by hand, its folded form is NULL until the server writes the template again.
CREATE OR REPLACE FUNCTION templates_renamed() RETURNS TRIGGER
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    IF NEW.name_folded IS NOT DISTINCT FROM OLD.name_folded AND lower(NEW.name) <> lower(OLD.name) THEN
        NEW.name_folded := NULL;
    END IF;
    IF NEW.description_folded IS NOT DISTINCT FROM OLD.description_folded
        AND lower(NEW.description) IS DISTINCT FROM lower(OLD.description) THEN
        NEW.description_folded := NULL;
    END IF;
    RETURN NEW;
END;
$$;

CREATE OR REPLACE TRIGGER trg_templates_renamed
BEFORE UPDATE OF name, description ON investigation_templates
FOR EACH ROW
EXECUTE FUNCTION templates_renamed();

-- Views: what several statements share is said here once -------------------------------------------------------------

-- The newest place in the order of changes, and the one below which lists are outdated.
CREATE OR REPLACE VIEW newest_change AS
SELECT id, greatest((SELECT max(change_seq) FROM investigations), floor, (SELECT max(place) FROM hand_edits)) AS place, floor
FROM change_lock;

-- What lists show of a state, and `name_folded`, in which they search.
CREATE OR REPLACE VIEW listed_states AS
SELECT investigation_id, user_id, name, description, wizard_step, status, version, created_at, updated_at, last_accessed,
       entity_count, started_at, completed_at, overall_score, risk_level, heard_at, name_folded
FROM investigation_states;

-- What dashboards show of a state: the same, how far the agents are (0 to 100), and what they are at.
CREATE OR REPLACE VIEW dashboard_states AS
SELECT investigation_id, user_id, name, description, wizard_step, status, version, created_at, updated_at, last_accessed,
       entity_count, started_at, completed_at, overall_score, risk_level, heard_at, overall_progress, current_phase
FROM investigation_states;

-- The running investigations, with the last report on each.
CREATE OR REPLACE VIEW running_states AS
SELECT investigation_id, user_id, greatest(updated_at, heard_at) AS last_report
FROM investigation_states
WHERE status = 'IN_PROGRESS' AND wizard_step = 'PROGRESS';

-- The entries that a trail can do without: it keeps the one with the highest version; one without any version keeps its
-- last entry, unless there is a state: then nothing depends on it.
CREATE OR REPLACE VIEW spare_entries AS
SELECT a.place, a.investigation_id, a.timestamp
FROM investigation_audit_log AS a
WHERE a.place <> (
        SELECT kept.place
        FROM investigation_audit_log AS kept
        WHERE kept.investigation_id = a.investigation_id
        ORDER BY kept.version DESC NULLS LAST, kept.place DESC
        LIMIT 1
    )
    OR (a.version IS NULL AND EXISTS (
        SELECT 1 FROM investigation_states AS s WHERE s.investigation_id = a.investigation_id
    ));

-- Every investigation, and when it was finished: the last change of a terminal state, or the last entry where there is
-- no state. NULL: it is not finished.
CREATE OR REPLACE VIEW finished_investigations AS
SELECT i.id,
       CASE
           WHEN s.status IN ('COMPLETED', 'CANCELLED') THEN s.updated_at
           WHEN s.investigation_id IS NULL THEN (
               SELECT max(a.timestamp) FROM investigation_audit_log AS a WHERE a.investigation_id = i.id
           )
       END AS finished_at
FROM investigations AS i LEFT JOIN investigation_states AS s ON s.investigation_id = i.id;

COMMIT;
