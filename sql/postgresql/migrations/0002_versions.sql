-- 0002_versions: every committed change of a state gets a version, and so do the edits that operators make by hand.
--
-- One transaction that records itself first: running it twice fails on the ledger's primary key, running it before
-- 0001 on the ledger's NOT NULL. A state whose stored JSON is malformed stops it (`malformed JSON`), and nothing of it
-- remains.

BEGIN;

INSERT INTO schema_migrations (version, requires, name)
VALUES (2, (SELECT version FROM schema_migrations WHERE version = 1), '0002_versions');

-- Helpers of the triggers ---------------------------------------------------------------------------------------------

-- An instant as it is written on the wire: ISO 8601, UTC, milliseconds.
CREATE OR REPLACE FUNCTION wizard_instant(instant TIMESTAMPTZ) RETURNS TEXT
LANGUAGE SQL STABLE
AS $$
    SELECT to_char(instant AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
$$;

-- The text `document` as JSON; an error names its column.
CREATE OR REPLACE FUNCTION wizard_json(label TEXT, document TEXT) RETURNS JSON
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
    RETURN document::JSON;
EXCEPTION WHEN invalid_text_representation THEN
    RAISE EXCEPTION '%: malformed JSON', label USING ERRCODE = 'invalid_text_representation', DETAIL = SQLERRM;
END;
$$;

-- A name for an audit entry that no other has.
CREATE OR REPLACE FUNCTION wizard_entry_id() RETURNS TEXT
LANGUAGE SQL VOLATILE
AS $$
    SELECT replace(gen_random_uuid()::TEXT, '-', '');
$$;

-- investigations ------------------------------------------------------------------------------------------------------

ALTER TABLE investigations
    -- The owner: who may see the investigation. NULL: nobody yet; the first who creates its state claims it.
    ADD COLUMN user_id VARCHAR(255) COLLATE "C",

    -- The highest version that was ever given to a state which is gone: what follows starts above it. 0: none is gone.
    ADD COLUMN newest_version BIGINT DEFAULT 0 NOT NULL
        CONSTRAINT ck_investigations_newest_version CHECK (newest_version >= 0),

    -- When `wizard-server purge` removed the state and the trail. NULL: it did not.
    ADD COLUMN purged_at TIMESTAMPTZ(3),

    -- When the state was deleted. NULL: it is there, was purged, or never was. The server says so before it deletes a
    -- state; a state that is deleted without was deleted by hand.
    ADD COLUMN removed_at TIMESTAMPTZ(3),

    -- The place of its newest change in the order of all changes; without a state, of its removal. 0: from before there
    -- was an order.
    ADD COLUMN change_seq BIGINT DEFAULT 0 NOT NULL,

    -- The place of its newest version; change_seq is above it when agents have been heard since.
    ADD COLUMN version_seq BIGINT DEFAULT 0 NOT NULL,

    -- The place of what dashboards were last told of: a version, the removal, or that agents of a stalled state were heard
    -- again. change_seq is above it when they have been heard since without any of these.
    ADD COLUMN shown_seq BIGINT DEFAULT 0 NOT NULL;

UPDATE investigations
SET user_id = (SELECT s.user_id FROM investigation_states AS s WHERE s.investigation_id = investigations.id);

-- investigation_states ------------------------------------------------------------------------------------------------

ALTER TABLE investigation_states
    -- How many changes have been committed, the creation included: 1 at creation, 1 more for every change.
    ADD COLUMN version BIGINT DEFAULT 1 NOT NULL CONSTRAINT ck_states_version CHECK (version >= 1),

    -- The versions that last changed each part.
    ADD COLUMN wizard_step_version BIGINT DEFAULT 1 NOT NULL,
    ADD COLUMN status_version BIGINT DEFAULT 1 NOT NULL,
    ADD COLUMN settings_version BIGINT DEFAULT 1 NOT NULL,
    ADD COLUMN progress_version BIGINT DEFAULT 1 NOT NULL,
    ADD COLUMN results_version BIGINT DEFAULT 1 NOT NULL,

    -- Who made the newest version: a user, or `operator` for an edit by hand.
    ADD COLUMN updated_by VARCHAR(255) COLLATE "C",

    -- The audit entry of the newest version, whether it is kept or not. The server writes another with each version; a
    -- row that is written without another one was written by hand.
    ADD COLUMN last_entry VARCHAR(255) COLLATE "C";

UPDATE investigation_states SET updated_by = user_id, last_entry = wizard_entry_id();
ALTER TABLE investigation_states ALTER COLUMN last_entry SET NOT NULL;

-- investigation_audit_log ---------------------------------------------------------------------------------------------

ALTER TABLE investigation_audit_log
    -- The version that this entry committed. NULL: an entry that is no version, from a client or from before this
    -- script.
    ADD COLUMN version BIGINT,

    -- The Idempotency-Key of the request that made the change. NULL: it had none.
    ADD COLUMN mutation_id VARCHAR(255) COLLATE "C",

    -- The order of the entries of one trail. It says nothing about those of others: who has 7 may commit before 6.
    ADD COLUMN place BIGINT GENERATED ALWAYS AS IDENTITY,

    -- The place, in the order of all changes, of the version before this one: its own is not known until it commits.
    ADD COLUMN follows BIGINT DEFAULT 0 NOT NULL;

-- change_lock ---------------------------------------------------------------------------------------------------------

-- The order of all changes: whoever takes a place locks this row, as the last one of a transaction. The newest place is
-- the greatest of investigations.change_seq, `floor` and hand_edits.place.
CREATE TABLE change_lock (
    -- Always 1: there is one row.
    id INTEGER PRIMARY KEY CONSTRAINT ck_change_lock_one CHECK (id = 1),

    -- The place up to which something was done by hand that no change tells: an investigation was removed, or handed
    -- over to another user. Whoever shows a list from before reads the whole of it again.
    floor BIGINT DEFAULT 0 NOT NULL
);

INSERT INTO change_lock (id) VALUES (1);

-- hand_edits ----------------------------------------------------------------------------------------------------------

-- What was done by hand and has no place in the order yet. The triggers take none: they would lock all writers out until
-- the operator's transaction ends. The servers look here, give the places and remove the rows.
CREATE TABLE hand_edits (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,

    -- The investigation; there is no foreign key, because it may be gone.
    investigation_id VARCHAR(255) COLLATE "C" NOT NULL,

    -- changed: its state was inserted, edited or deleted; handed_over: edited, and it has another owner now; gone: the
    -- investigation was deleted.
    kind VARCHAR(50) COLLATE "C" NOT NULL
        CONSTRAINT ck_hand_edits_kind CHECK (kind IN ('changed', 'handed_over', 'gone')),

    -- The place that an investigation had which is gone: it is not given again. 0: the investigation is there.
    place BIGINT DEFAULT 0 NOT NULL
);

-- audit_switch --------------------------------------------------------------------------------------------------------

-- Whether changes are written to the trail: one row. `serve` refuses to start where [features] audit_logging differs.
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

-- One trail in its order.
DROP INDEX idx_audit_log_investigation;
CREATE INDEX idx_audit_log_investigation ON investigation_audit_log(investigation_id, place);
CREATE UNIQUE INDEX uq_audit_log_place ON investigation_audit_log(place);

-- The list of one user's investigations, the newest first.
CREATE INDEX idx_investigation_states_user_updated
ON investigation_states(user_id, updated_at DESC, investigation_id);

-- What has changed since a place in the order; and what dashboards show of it, for one user and for everybody.
CREATE INDEX idx_investigations_change ON investigations(change_seq);
CREATE INDEX idx_investigations_user_shown ON investigations(user_id, shown_seq);
CREATE INDEX idx_investigations_shown ON investigations(shown_seq);

-- The place of an investigation's newest version in the order of all changes; what was imported stands at the floor.
CREATE OR REPLACE FUNCTION wizard_newest_place(investigation TEXT) RETURNS BIGINT
LANGUAGE SQL STABLE
AS $$
    SELECT coalesce((SELECT nullif(i.version_seq, 0) FROM investigations AS i WHERE i.id = investigation), l.floor)
    FROM change_lock AS l;
$$;

-- A whole state as an audit entry has it ------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION wizard_state(state investigation_states) RETURNS TEXT
LANGUAGE SQL STABLE
AS $$
    SELECT concat(
        '{"investigation_id":', to_json(state.investigation_id),
        ',"user_id":', to_json(state.user_id),
        ',"wizard_step":', to_json(state.wizard_step),
        ',"settings":', coalesce(wizard_json('settings_json', state.settings_json)::TEXT, 'null'),
        ',"progress":', coalesce(wizard_json('progress_json', state.progress_json)::TEXT, 'null'),
        ',"results":', coalesce(wizard_json('results_json', state.results_json)::TEXT, 'null'),
        ',"status":', to_json(state.status),
        ',"version":', state.version,
        ',"created_at":', to_json(wizard_instant(state.created_at)),
        ',"updated_at":', to_json(wizard_instant(state.updated_at)), '}'
    );
$$;

-- The parts of a state that an edit may change; the owner only when that changed.
CREATE OR REPLACE FUNCTION wizard_parts(state investigation_states, with_owner BOOLEAN) RETURNS TEXT
LANGUAGE SQL STABLE
AS $$
    SELECT concat(
        '{"wizard_step":', to_json(state.wizard_step),
        ',"status":', to_json(state.status),
        ',"settings":', coalesce(wizard_json('settings_json', state.settings_json)::TEXT, 'null'),
        ',"progress":', coalesce(wizard_json('progress_json', state.progress_json)::TEXT, 'null'),
        ',"results":', coalesce(wizard_json('results_json', state.results_json)::TEXT, 'null'),
        ',"version":', state.version,
        ',"updated_at":', to_json(wizard_instant(state.updated_at)),
        CASE WHEN with_owner THEN concat(',"user_id":', to_json(state.user_id)) END, '}'
    );
$$;

-- Version 1 of every state that is here already -----------------------------------------------------------------------

INSERT INTO investigation_audit_log (
    entry_id, investigation_id, user_id, action_type, previous_state, new_state, source, timestamp, version
)
SELECT s.last_entry, s.investigation_id, s.user_id, 'STATE_CREATED', NULL, wizard_state(s), 'SYSTEM', CURRENT_TIMESTAMP,
       s.version
FROM investigation_states AS s;

-- Edits by hand -------------------------------------------------------------------------------------------------------
--
-- These triggers make an operator's edit a change like any other: versioned, audited, seen by everybody who watches.
-- They do nothing for the server: it sets `last_entry` with each version, and `removed_at` or `purged_at` of the parent
-- before it deletes. While audit_switch is off nothing goes into the trail, and an edit still becomes a version.

-- A state inserted by hand. Should the investigation have a history already (deleted and inserted again), the row gets
-- a version above all of it, because a version never names two contents.
CREATE OR REPLACE FUNCTION states_inserted() RETURNS TRIGGER
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
DECLARE
    moment CONSTANT TIMESTAMPTZ := date_trunc('milliseconds', clock_timestamp());
BEGIN
    SELECT greatest(NEW.version, i.newest_version + 1, 1 + (
        SELECT max(a.version) FROM investigation_audit_log AS a WHERE a.investigation_id = i.id
    ))
    INTO NEW.version
    FROM investigations AS i
    WHERE i.id = NEW.investigation_id
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'investigation_id: there is no investigation %', NEW.investigation_id
            USING ERRCODE = 'foreign_key_violation', HINT = 'Insert a row into investigations first.';
    END IF;

    NEW.wizard_step_version := NEW.version;
    NEW.status_version := NEW.version;
    NEW.settings_version := NEW.version;
    NEW.progress_version := NEW.version;
    NEW.results_version := NEW.version;
    NEW.updated_by := coalesce(NEW.updated_by, 'operator');
    NEW.last_entry := wizard_entry_id();

    INSERT INTO investigation_audit_log (
        entry_id, investigation_id, user_id, action_type, previous_state, new_state, source, timestamp, version, follows
    )
    SELECT NEW.last_entry, NEW.investigation_id, NEW.user_id, 'STATE_CREATED', NULL, wizard_state(NEW), 'SYSTEM', moment,
           NEW.version, wizard_newest_place(NEW.investigation_id)
    WHERE (SELECT enabled FROM audit_switch) = 1;

    UPDATE investigations
    SET user_id = coalesce(user_id, NEW.user_id), purged_at = NULL, removed_at = NULL
    WHERE id = NEW.investigation_id;
    INSERT INTO hand_edits (investigation_id, kind) VALUES (NEW.investigation_id, 'changed');
    RETURN NEW;
END;
$$;

CREATE OR REPLACE TRIGGER trg_states_inserted
BEFORE INSERT ON investigation_states
FOR EACH ROW
WHEN (NEW.last_entry IS NULL)
EXECUTE FUNCTION states_inserted();

-- A state edited by hand: it gets the next version above its whole history, or the one that the operator chose. An
-- older version put back, which has its entry, gets no other; what was given before is never given again. A new user_id
-- hands the investigation over to that user.
CREATE OR REPLACE FUNCTION states_edited() RETURNS TRIGGER
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
DECLARE
    handed_over CONSTANT BOOLEAN := NEW.user_id <> OLD.user_id;
    put_back CONSTANT BOOLEAN := NEW.version <> OLD.version AND EXISTS (
        SELECT 1
        FROM investigation_audit_log AS a
        WHERE a.investigation_id = NEW.investigation_id AND a.version = NEW.version
    );
BEGIN
    IF NEW.version = OLD.version THEN
        SELECT 1 + greatest(OLD.version, i.newest_version, (
            SELECT max(a.version) FROM investigation_audit_log AS a WHERE a.investigation_id = i.id
        ))
        INTO NEW.version
        FROM investigations AS i
        WHERE i.id = NEW.investigation_id;
    END IF;

    NEW.last_entry := wizard_entry_id();
    IF NOT put_back THEN
        NEW.updated_at := greatest(date_trunc('milliseconds', clock_timestamp()), OLD.updated_at);
        NEW.updated_by := 'operator';
        IF NEW.wizard_step <> OLD.wizard_step THEN
            NEW.wizard_step_version := NEW.version;
        END IF;
        IF NEW.status <> OLD.status THEN
            NEW.status_version := NEW.version;
        END IF;
        IF NEW.settings_json IS DISTINCT FROM OLD.settings_json THEN
            NEW.settings_version := NEW.version;
        END IF;
        IF NEW.progress_json IS DISTINCT FROM OLD.progress_json THEN
            NEW.progress_version := NEW.version;
        END IF;
        IF NEW.results_json IS DISTINCT FROM OLD.results_json THEN
            NEW.results_version := NEW.version;
        END IF;

        INSERT INTO investigation_audit_log (
            entry_id, investigation_id, user_id, action_type, previous_state, new_state, source, timestamp, version,
            follows
        )
        SELECT NEW.last_entry, NEW.investigation_id, NEW.user_id, 'STATE_CHANGE', wizard_parts(OLD, handed_over),
               wizard_parts(NEW, handed_over), 'SYSTEM', NEW.updated_at, NEW.version,
               wizard_newest_place(NEW.investigation_id)
        WHERE (SELECT enabled FROM audit_switch) = 1;
    END IF;

    UPDATE investigations
    SET user_id = NEW.user_id,
        newest_version = greatest(newest_version, CASE WHEN NEW.version < OLD.version THEN OLD.version END)
    WHERE id = NEW.investigation_id AND (handed_over OR NEW.version < OLD.version);
    INSERT INTO hand_edits (investigation_id, kind)
    VALUES (NEW.investigation_id, CASE WHEN handed_over THEN 'handed_over' ELSE 'changed' END);
    RETURN NEW;
END;
$$;

CREATE OR REPLACE TRIGGER trg_states_edited
BEFORE UPDATE OF user_id, wizard_step, settings_json, progress_json, results_json, status, version
ON investigation_states
FOR EACH ROW
WHEN (NEW.last_entry = OLD.last_entry AND (
    NEW.version <> OLD.version
    OR NEW.user_id <> OLD.user_id
    OR NEW.wizard_step <> OLD.wizard_step
    OR NEW.status <> OLD.status
    OR NEW.settings_json IS DISTINCT FROM OLD.settings_json
    OR NEW.progress_json IS DISTINCT FROM OLD.progress_json
    OR NEW.results_json IS DISTINCT FROM OLD.results_json
))
EXECUTE FUNCTION states_edited();

-- A state deleted by hand: the deletion takes a version of its own; what is created later in its place starts above
-- that. Nothing when the investigation itself goes, because its audit trail goes with it.
CREATE OR REPLACE FUNCTION states_deleted() RETURNS TRIGGER
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
DECLARE
    moment CONSTANT TIMESTAMPTZ := date_trunc('milliseconds', clock_timestamp());
    next BIGINT;
BEGIN
    SELECT 1 + greatest(OLD.version, i.newest_version, (
        SELECT max(a.version) FROM investigation_audit_log AS a WHERE a.investigation_id = i.id
    ))
    INTO next
    FROM investigations AS i
    WHERE i.id = OLD.investigation_id AND i.removed_at IS NULL AND i.purged_at IS NULL;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    INSERT INTO investigation_audit_log (
        entry_id, investigation_id, user_id, action_type, previous_state, new_state, source, timestamp, version, follows
    )
    SELECT wizard_entry_id(), OLD.investigation_id, OLD.user_id, 'STATE_DELETED', wizard_state(OLD), NULL, 'SYSTEM', moment,
           next, wizard_newest_place(OLD.investigation_id)
    WHERE (SELECT enabled FROM audit_switch) = 1;

    UPDATE investigations SET newest_version = next, removed_at = moment WHERE id = OLD.investigation_id;
    INSERT INTO hand_edits (investigation_id, kind) VALUES (OLD.investigation_id, 'changed');
    RETURN NULL;
END;
$$;

CREATE OR REPLACE TRIGGER trg_states_deleted
AFTER DELETE ON investigation_states
FOR EACH ROW
EXECUTE FUNCTION states_deleted();

-- An investigation deleted by hand; the server deletes none.
CREATE OR REPLACE FUNCTION investigations_deleted() RETURNS TRIGGER
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    INSERT INTO hand_edits (investigation_id, kind, place) VALUES (OLD.id, 'gone', OLD.change_seq);
    RETURN NULL;
END;
$$;

CREATE OR REPLACE TRIGGER trg_investigations_deleted
AFTER DELETE ON investigations
FOR EACH ROW
EXECUTE FUNCTION investigations_deleted();

COMMIT;
