-- 0002_versions: every committed change of a state gets a version, and so do the edits that operators make by hand.
--
-- One transaction that records itself first: running it twice fails on the ledger's primary key, running it before
-- 0001 on the ledger's NOT NULL. A state whose stored JSON is malformed stops it (`malformed JSON`), and nothing of it
-- remains; sql/README.md, "Upgrade", says how to find that state.

BEGIN IMMEDIATE;

INSERT INTO schema_migrations (version, requires, name)
VALUES (2, (SELECT version FROM schema_migrations WHERE version = 1), '0002_versions');

-- investigations ------------------------------------------------------------------------------------------------------

-- The owner: who may see the investigation. NULL: nobody yet; the first who creates its state claims it.
ALTER TABLE investigations ADD COLUMN user_id VARCHAR(255);

-- The highest version that was ever given to a state which is gone: what follows starts above it. 0: none is gone.
ALTER TABLE investigations ADD COLUMN
    newest_version INTEGER DEFAULT 0 NOT NULL CONSTRAINT ck_investigations_newest_version CHECK (newest_version >= 0);

-- When `wizard-server purge` removed the state and the trail (ISO 8601, UTC). NULL: it did not.
ALTER TABLE investigations ADD COLUMN purged_at TIMESTAMP;

-- The place in the order of all changes at which the state was deleted or purged. NULL: it was not.
ALTER TABLE investigations ADD COLUMN removed_seq INTEGER;

UPDATE investigations
SET user_id = (SELECT s.user_id FROM investigation_states AS s WHERE s.investigation_id = investigations.id);

-- investigation_states ------------------------------------------------------------------------------------------------

-- How many changes have been committed, the creation included: 1 at creation, 1 more for every change.
ALTER TABLE investigation_states ADD COLUMN
    version INTEGER DEFAULT 1 NOT NULL CONSTRAINT ck_states_version CHECK (version >= 1);

-- The version that last changed wizard_step.
ALTER TABLE investigation_states ADD COLUMN wizard_step_version INTEGER DEFAULT 1 NOT NULL;

-- The version that last changed status.
ALTER TABLE investigation_states ADD COLUMN status_version INTEGER DEFAULT 1 NOT NULL;

-- The version that last changed settings_json.
ALTER TABLE investigation_states ADD COLUMN settings_version INTEGER DEFAULT 1 NOT NULL;

-- The version that last changed progress_json.
ALTER TABLE investigation_states ADD COLUMN progress_version INTEGER DEFAULT 1 NOT NULL;

-- The version that last changed results_json.
ALTER TABLE investigation_states ADD COLUMN results_version INTEGER DEFAULT 1 NOT NULL;

-- The place of the newest version in the order of all changes of all states. 0: from before there was an order.
ALTER TABLE investigation_states ADD COLUMN change_seq INTEGER DEFAULT 0 NOT NULL;

-- Who made the newest version: a user, or `operator` for an edit by hand.
ALTER TABLE investigation_states ADD COLUMN updated_by VARCHAR(255);

-- The investigation's name as its settings say, for lists and search. NULL: no settings, or they have no name.
ALTER TABLE investigation_states ADD COLUMN name TEXT GENERATED ALWAYS AS (
    CASE WHEN json_valid(settings_json) THEN json_extract(settings_json, '$.name') END
) VIRTUAL;

UPDATE investigation_states SET updated_by = user_id;

-- investigation_audit_log ---------------------------------------------------------------------------------------------

-- The version that this entry committed. NULL: an entry that is no version, from a client or from before this script.
ALTER TABLE investigation_audit_log ADD COLUMN version INTEGER;

-- The Idempotency-Key of the request that made the change. NULL: it had none.
ALTER TABLE investigation_audit_log ADD COLUMN mutation_id VARCHAR(255);

-- change_sequence -----------------------------------------------------------------------------------------------------

-- The order of all changes of all states: one row, whose value grows with every commit that changes any.
CREATE TABLE change_sequence (
    -- Always 1: there is one row.
    id INTEGER PRIMARY KEY CONSTRAINT ck_change_sequence_one CHECK (id = 1),
    -- The place of the newest change.
    value INTEGER NOT NULL CONSTRAINT ck_change_sequence_value CHECK (value >= 0),
    -- The place up to which something was done by hand that no change tells: an investigation was removed, or handed
    -- over to another user. Whoever shows a list from before reads the whole of it again.
    floor INTEGER DEFAULT 0 NOT NULL
);

INSERT INTO change_sequence (id, value) VALUES (1, 0);

-- audit_switch --------------------------------------------------------------------------------------------------------

-- Whether changes are written to the trail: one row, which `serve` sets to [features] audit_logging.
CREATE TABLE audit_switch (
    -- Always 1: there is one row.
    id INTEGER PRIMARY KEY CONSTRAINT ck_audit_switch_one CHECK (id = 1),
    -- 1: changes are written to the trail, 0: they are not, 2: within a transaction that moves rows as they are.
    enabled INTEGER NOT NULL CONSTRAINT ck_audit_switch_enabled CHECK (enabled IN (0, 1, 2))
);

INSERT INTO audit_switch (id, enabled) VALUES (1, 1);

-- Indexes -------------------------------------------------------------------------------------------------------------

-- A version is committed once. NULLs are distinct, so any number of entries may be no version.
CREATE UNIQUE INDEX uq_audit_log_version ON investigation_audit_log(investigation_id, version);

-- The list of one user's investigations, the newest first.
CREATE INDEX idx_investigation_states_user_updated ON investigation_states(user_id, updated_at DESC);

-- What has changed for one user, or at all, since a place in the order.
CREATE INDEX idx_investigation_states_user_change ON investigation_states(user_id, change_seq);
CREATE INDEX idx_investigation_states_change ON investigation_states(change_seq);
CREATE INDEX idx_investigations_user_removed ON investigations(user_id, removed_seq);
CREATE INDEX idx_investigations_removed ON investigations(removed_seq);

-- Timestamps: from seconds to ISO 8601, UTC, milliseconds; what is no date stays as it is -----------------------------

UPDATE investigations SET created_at = strftime('%Y-%m-%dT%H:%M:%fZ', created_at)
WHERE created_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', created_at) IS NOT NULL;

UPDATE investigation_states SET created_at = strftime('%Y-%m-%dT%H:%M:%fZ', created_at)
WHERE created_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', created_at) IS NOT NULL;

UPDATE investigation_states SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', updated_at)
WHERE updated_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', updated_at) IS NOT NULL;

UPDATE investigation_states SET last_accessed = strftime('%Y-%m-%dT%H:%M:%fZ', last_accessed)
WHERE last_accessed GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', last_accessed) IS NOT NULL;

UPDATE investigation_templates SET created_at = strftime('%Y-%m-%dT%H:%M:%fZ', created_at)
WHERE created_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', created_at) IS NOT NULL;

UPDATE investigation_templates SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', updated_at)
WHERE updated_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', updated_at) IS NOT NULL;

UPDATE investigation_audit_log SET timestamp = strftime('%Y-%m-%dT%H:%M:%fZ', timestamp)
WHERE timestamp GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
    AND strftime('%Y-%m-%dT%H:%M:%fZ', timestamp) IS NOT NULL;

-- Version 1 of every state that is here already -----------------------------------------------------------------------

INSERT INTO investigation_audit_log (
    entry_id, investigation_id, user_id, action_type, previous_state, new_state, source, timestamp, version
)
SELECT
    lower(hex(randomblob(16))),
    investigation_id,
    user_id,
    'STATE_CREATED',
    NULL,
    json_object(
        'investigation_id', investigation_id,
        'user_id', user_id,
        'wizard_step', wizard_step,
        'settings', json(settings_json),
        'progress', json(progress_json),
        'results', json(results_json),
        'status', status,
        'version', version,
        'created_at', created_at,
        'updated_at', updated_at
    ),
    'SYSTEM',
    strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
    version
FROM investigation_states;

-- Edits by hand -------------------------------------------------------------------------------------------------------
--
-- These triggers make an operator's edit a change like any other: versioned, audited, seen by everybody who watches.
-- The server inserts the audit entry of version N before it writes the state row of version N; for it they are silent.
-- JSON that is malformed is refused by json(), and the whole edit with it. While audit_switch is off nothing goes into
-- the trail, and an edit still becomes a version.

-- A state inserted by hand. Should the investigation have a history already (deleted and inserted again), the row gets
-- a version above all of it, because a version never names two contents.
CREATE TRIGGER trg_states_inserted
AFTER INSERT ON investigation_states
WHEN (SELECT enabled FROM audit_switch) = 1 AND NOT EXISTS (
    SELECT 1
    FROM (
        SELECT a.version, a.action_type
        FROM investigation_audit_log AS a
        WHERE a.investigation_id = NEW.investigation_id
        ORDER BY a.version DESC
        LIMIT 1
    ) AS newest
    WHERE newest.version = NEW.version AND newest.action_type <> 'STATE_DELETED'
)
BEGIN
    INSERT INTO investigation_audit_log (
        entry_id, investigation_id, user_id, action_type, previous_state, new_state, source, timestamp, version
    )
    SELECT
        lower(hex(randomblob(16))),
        NEW.investigation_id,
        NEW.user_id,
        'STATE_CREATED',
        NULL,
        json_object(
            'investigation_id', NEW.investigation_id,
            'user_id', NEW.user_id,
            'wizard_step', NEW.wizard_step,
            'settings', json(NEW.settings_json),
            'progress', json(NEW.progress_json),
            'results', json(NEW.results_json),
            'status', NEW.status,
            'version', next.version,
            'created_at', coalesce(strftime('%Y-%m-%dT%H:%M:%fZ', NEW.created_at), NEW.created_at),
            'updated_at', coalesce(strftime('%Y-%m-%dT%H:%M:%fZ', NEW.updated_at), NEW.updated_at)
        ),
        'SYSTEM',
        strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
        next.version
    FROM (
        SELECT max(
            NEW.version,
            coalesce(max(a.version), 0) + 1,
            (SELECT i.newest_version + 1 FROM investigations AS i WHERE i.id = NEW.investigation_id)
        ) AS version
        FROM investigation_audit_log AS a
        WHERE a.investigation_id = NEW.investigation_id
    ) AS next;

    UPDATE investigation_states
    SET version = (
            SELECT max(a.version)
            FROM investigation_audit_log AS a
            WHERE a.investigation_id = NEW.investigation_id
        ),
        created_at = coalesce(strftime('%Y-%m-%dT%H:%M:%fZ', created_at), created_at),
        updated_at = coalesce(strftime('%Y-%m-%dT%H:%M:%fZ', updated_at), updated_at),
        updated_by = coalesce(updated_by, 'operator')
    WHERE investigation_id = NEW.investigation_id;

    UPDATE investigation_states
    SET wizard_step_version = version,
        status_version = version,
        settings_version = version,
        progress_version = version,
        results_version = version
    WHERE investigation_id = NEW.investigation_id;

    UPDATE investigations
    SET user_id = coalesce(user_id, NEW.user_id), purged_at = NULL, removed_seq = NULL
    WHERE id = NEW.investigation_id;
END;

-- The same while nothing goes into the trail: only the version and the parent row are put right.
CREATE TRIGGER trg_states_inserted_unaudited
AFTER INSERT ON investigation_states
WHEN (SELECT enabled FROM audit_switch) = 0
BEGIN
    UPDATE investigation_states
    SET version = max(version, (SELECT i.newest_version + 1 FROM investigations AS i WHERE i.id = NEW.investigation_id))
    WHERE investigation_id = NEW.investigation_id;

    UPDATE investigations
    SET user_id = coalesce(user_id, NEW.user_id), purged_at = NULL, removed_seq = NULL
    WHERE id = NEW.investigation_id;
END;

-- A state edited by hand without a new version: it gets the next one above its whole history. A new user_id hands the
-- investigation over to that user; it stands in the entry's two states only when it changed.
CREATE TRIGGER trg_states_edited
AFTER UPDATE OF user_id, wizard_step, settings_json, progress_json, results_json, status, version
ON investigation_states
WHEN NEW.version = OLD.version AND (
    NEW.user_id IS NOT OLD.user_id
    OR NEW.wizard_step IS NOT OLD.wizard_step
    OR NEW.status IS NOT OLD.status
    OR NEW.settings_json IS NOT OLD.settings_json
    OR NEW.progress_json IS NOT OLD.progress_json
    OR NEW.results_json IS NOT OLD.results_json
)
BEGIN
    INSERT INTO investigation_audit_log (
        entry_id, investigation_id, user_id, action_type, previous_state, new_state, source, timestamp, version
    )
    SELECT
        lower(hex(randomblob(16))),
        NEW.investigation_id,
        NEW.user_id,
        'STATE_CHANGE',
        json_patch(
            json_object(
                'wizard_step', OLD.wizard_step,
                'status', OLD.status,
                'settings', json(OLD.settings_json),
                'progress', json(OLD.progress_json),
                'results', json(OLD.results_json),
                'version', OLD.version,
                'updated_at', OLD.updated_at
            ),
            iif(NEW.user_id IS NOT OLD.user_id, json_object('user_id', OLD.user_id), '{}')
        ),
        json_patch(
            json_object(
                'wizard_step', NEW.wizard_step,
                'status', NEW.status,
                'settings', json(NEW.settings_json),
                'progress', json(NEW.progress_json),
                'results', json(NEW.results_json),
                'version', next.version,
                'updated_at', strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
            ),
            iif(NEW.user_id IS NOT OLD.user_id, json_object('user_id', NEW.user_id), '{}')
        ),
        'SYSTEM',
        strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
        next.version
    FROM (
        SELECT max(OLD.version, coalesce(max(a.version), 0)) + 1 AS version
        FROM investigation_audit_log AS a
        WHERE a.investigation_id = NEW.investigation_id
    ) AS next
    WHERE (SELECT enabled FROM audit_switch) = 1;

    UPDATE investigation_states
    SET version = max(OLD.version + 1, (
            SELECT coalesce(max(a.version), 0) + ((SELECT enabled FROM audit_switch) <> 1)
            FROM investigation_audit_log AS a
            WHERE a.investigation_id = NEW.investigation_id
        )),
        updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
        updated_by = 'operator'
    WHERE investigation_id = NEW.investigation_id;

    UPDATE investigation_states
    SET wizard_step_version = iif(NEW.wizard_step IS NOT OLD.wizard_step, version, wizard_step_version),
        status_version = iif(NEW.status IS NOT OLD.status, version, status_version),
        settings_version = iif(NEW.settings_json IS NOT OLD.settings_json, version, settings_version),
        progress_version = iif(NEW.progress_json IS NOT OLD.progress_json, version, progress_version),
        results_version = iif(NEW.results_json IS NOT OLD.results_json, version, results_version)
    WHERE investigation_id = NEW.investigation_id;

    UPDATE investigations
    SET user_id = NEW.user_id
    WHERE id = NEW.investigation_id AND NEW.user_id IS NOT OLD.user_id;
END;

-- A state edited by hand with a version of the operator's choice that names nothing yet. Silent for a version that has
-- its entry: that is the server, or an older version put back.
CREATE TRIGGER trg_states_versioned
AFTER UPDATE OF version ON investigation_states
WHEN NEW.version <> OLD.version AND (SELECT enabled FROM audit_switch) = 1 AND NOT EXISTS (
    SELECT 1
    FROM investigation_audit_log AS a
    WHERE a.investigation_id = NEW.investigation_id AND a.version = NEW.version
)
BEGIN
    INSERT INTO investigation_audit_log (
        entry_id, investigation_id, user_id, action_type, previous_state, new_state, source, timestamp, version
    )
    SELECT
        lower(hex(randomblob(16))),
        NEW.investigation_id,
        NEW.user_id,
        'STATE_CHANGE',
        json_patch(
            json_object(
                'wizard_step', OLD.wizard_step,
                'status', OLD.status,
                'settings', json(OLD.settings_json),
                'progress', json(OLD.progress_json),
                'results', json(OLD.results_json),
                'version', OLD.version,
                'updated_at', OLD.updated_at
            ),
            iif(NEW.user_id IS NOT OLD.user_id, json_object('user_id', OLD.user_id), '{}')
        ),
        json_patch(
            json_object(
                'wizard_step', NEW.wizard_step,
                'status', NEW.status,
                'settings', json(NEW.settings_json),
                'progress', json(NEW.progress_json),
                'results', json(NEW.results_json),
                'version', NEW.version,
                'updated_at', strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
            ),
            iif(NEW.user_id IS NOT OLD.user_id, json_object('user_id', NEW.user_id), '{}')
        ),
        'SYSTEM',
        strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
        NEW.version;

    UPDATE investigation_states
    SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
        updated_by = 'operator',
        wizard_step_version = iif(NEW.wizard_step IS NOT OLD.wizard_step, version, wizard_step_version),
        status_version = iif(NEW.status IS NOT OLD.status, version, status_version),
        settings_version = iif(NEW.settings_json IS NOT OLD.settings_json, version, settings_version),
        progress_version = iif(NEW.progress_json IS NOT OLD.progress_json, version, progress_version),
        results_version = iif(NEW.results_json IS NOT OLD.results_json, version, results_version)
    WHERE investigation_id = NEW.investigation_id;

    UPDATE investigations
    SET user_id = NEW.user_id
    WHERE id = NEW.investigation_id AND NEW.user_id IS NOT OLD.user_id;
END;

-- A state set back by hand: what was given to it before is never given again.
CREATE TRIGGER trg_states_set_back
AFTER UPDATE OF version ON investigation_states
WHEN NEW.version < OLD.version
BEGIN
    UPDATE investigations
    SET newest_version = max(newest_version, OLD.version)
    WHERE id = NEW.investigation_id;
END;

-- A state deleted by hand. Silent when the investigation itself goes, because its audit trail goes with it.
CREATE TRIGGER trg_states_deleted
AFTER DELETE ON investigation_states
WHEN (SELECT enabled FROM audit_switch) = 1
    AND EXISTS (SELECT 1 FROM investigations AS i WHERE i.id = OLD.investigation_id) AND NOT EXISTS (
    SELECT 1
    FROM investigation_audit_log AS a
    WHERE a.investigation_id = OLD.investigation_id AND a.version > OLD.version AND a.action_type = 'STATE_DELETED'
)
BEGIN
    INSERT INTO investigation_audit_log (
        entry_id, investigation_id, user_id, action_type, previous_state, new_state, source, timestamp, version
    )
    SELECT
        lower(hex(randomblob(16))),
        OLD.investigation_id,
        OLD.user_id,
        'STATE_DELETED',
        json_object(
            'investigation_id', OLD.investigation_id,
            'user_id', OLD.user_id,
            'wizard_step', OLD.wizard_step,
            'settings', json(OLD.settings_json),
            'progress', json(OLD.progress_json),
            'results', json(OLD.results_json),
            'status', OLD.status,
            'version', OLD.version,
            'created_at', OLD.created_at,
            'updated_at', OLD.updated_at
        ),
        NULL,
        'SYSTEM',
        strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
        next.version
    FROM (
        SELECT max(OLD.version, coalesce(max(a.version), 0)) + 1 AS version
        FROM investigation_audit_log AS a
        WHERE a.investigation_id = OLD.investigation_id
    ) AS next;
END;

-- A deletion, by whomever, takes a version of its own; what is created later in its place starts above that.
CREATE TRIGGER trg_states_retired
AFTER DELETE ON investigation_states
BEGIN
    UPDATE change_sequence SET value = value + 1;

    UPDATE investigations
    SET removed_seq = (SELECT value FROM change_sequence),
        newest_version = max(newest_version, OLD.version + 1, (
        SELECT coalesce(max(a.version), 0)
        FROM investigation_audit_log AS a
        WHERE a.investigation_id = OLD.investigation_id
    ))
    WHERE id = OLD.investigation_id;
END;

CREATE TRIGGER trg_investigations_deleted
AFTER DELETE ON investigations
BEGIN
    UPDATE change_sequence SET value = value + 1, floor = value + 1;
END;

CREATE TRIGGER trg_states_handed_over
AFTER UPDATE OF user_id ON investigation_states
WHEN NEW.user_id IS NOT OLD.user_id
BEGIN
    UPDATE change_sequence SET value = value + 1, floor = value + 1;
END;

-- A row written by hand takes the next place in the order of changes; the server names the place itself.
CREATE TRIGGER trg_states_placed
AFTER INSERT ON investigation_states
WHEN NEW.change_seq = 0
BEGIN
    UPDATE change_sequence SET value = value + 1;

    UPDATE investigation_states
    SET change_seq = (SELECT value FROM change_sequence)
    WHERE investigation_id = NEW.investigation_id;
END;

CREATE TRIGGER trg_states_moved
AFTER UPDATE OF user_id, wizard_step, settings_json, progress_json, results_json, status, version
ON investigation_states
WHEN NEW.change_seq = OLD.change_seq AND (
    NEW.version IS NOT OLD.version
    OR NEW.user_id IS NOT OLD.user_id
    OR NEW.wizard_step IS NOT OLD.wizard_step
    OR NEW.status IS NOT OLD.status
    OR NEW.settings_json IS NOT OLD.settings_json
    OR NEW.progress_json IS NOT OLD.progress_json
    OR NEW.results_json IS NOT OLD.results_json
)
BEGIN
    UPDATE change_sequence SET value = value + 1;

    UPDATE investigation_states
    SET change_seq = (SELECT value FROM change_sequence)
    WHERE investigation_id = NEW.investigation_id;
END;

COMMIT;
