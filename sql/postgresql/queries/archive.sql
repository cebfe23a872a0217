-- What `wizard-server export` reads and `wizard-server import` writes, where PostgreSQL has it in its own way.

-- name: archive.snapshot
-- Begins a read transaction: it does not see what others commit after its first statement.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;

-- name: archive.entries
-- Every audit entry; places are the order of a trail.
SELECT a.entry_id, a.investigation_id, a.user_id, a.action_type, a.previous_state, a.new_state, a.source, a.timestamp,
       a.version, a.mutation_id
FROM investigation_audit_log AS a
ORDER BY a.investigation_id, a.place;

-- name: archive.newest_row
-- The place that the investigations of an import have until it ends: below all others.
SELECT CAST(-1 AS bigint) AS row;

-- name: archive.savepoint
-- Begins a run of rows: a savepoint.
SAVEPOINT run;

-- name: archive.undo
-- Rolls the run back.
ROLLBACK TO run;

-- name: archive.release
-- Releases the savepoint of the run.
RELEASE run;

-- name: archive.add_investigation
-- Parent rows, marked as brought by this import.
INSERT INTO investigations (id, created_at, user_id, newest_version, purged_at, change_seq)
SELECT given.id, CAST(given.created_at AS timestamptz), given.user_id, given.newest_version,
       CAST(given.purged_at AS timestamptz), -1
FROM unnest(
    CAST(:id AS text[]), CAST(:created_at AS text[]), CAST(:user_id AS text[]), CAST(:newest_version AS bigint[]),
    CAST(:purged_at AS text[])
) AS given (id, created_at, user_id, newest_version, purged_at);

-- name: archive.add_entry
-- Audit entries whose investigations this import brought, in the order in which they are given.
INSERT INTO investigation_audit_log (
    entry_id, investigation_id, user_id, action_type, previous_state, new_state, source, timestamp, version, mutation_id
)
SELECT given.entry_id, given.investigation_id, given.user_id, given.action_type, given.previous_state, given.new_state,
       given.source, CAST(given.timestamp AS timestamptz), given.version, given.mutation_id
FROM unnest(
    CAST(:entry_id AS text[]), CAST(:investigation_id AS text[]), CAST(:user_id AS text[]), CAST(:action_type AS text[]),
    CAST(:previous_state AS text[]), CAST(:new_state AS text[]), CAST(:source AS text[]), CAST(:timestamp AS text[]),
    CAST(:version AS bigint[]), CAST(:mutation_id AS text[]), CAST(:rows_before AS bigint[])
) WITH ORDINALITY AS given (
    entry_id, investigation_id, user_id, action_type, previous_state, new_state, source, timestamp, version, mutation_id,
    rows_before, position
)
JOIN investigations AS i ON i.id = given.investigation_id AND i.change_seq = given.rows_before
ORDER BY given.position;

-- name: archive.add_state
-- States whose investigations this import brought, and whose version has its entry or needs none (:unaudited).
INSERT INTO investigation_states (
    investigation_id, user_id, wizard_step, status, settings_json, progress_json, results_json, created_at, updated_at,
    last_accessed, version, wizard_step_version, status_version, settings_version, progress_version, results_version,
    updated_by, last_entry, name, name_folded, description, entity_count, started_at, overall_progress, current_phase,
    completed_at, overall_score, risk_level
)
SELECT given.investigation_id, given.user_id, given.wizard_step, given.status, given.settings, given.progress,
       given.results, CAST(given.created_at AS timestamptz), CAST(given.updated_at AS timestamptz),
       CAST(given.last_accessed AS timestamptz), given.version, given.wizard_step_version, given.status_version,
       given.settings_version, given.progress_version, given.results_version, given.updated_by,
       coalesce(a.entry_id, wizard_entry_id()), d.name, given.name_folded, d.description, d.entity_count, d.started_at,
       d.overall_progress, d.current_phase, d.completed_at, d.overall_score, d.risk_level
FROM unnest(
    CAST(:investigation_id AS text[]), CAST(:user_id AS text[]), CAST(:wizard_step AS text[]), CAST(:status AS text[]),
    CAST(:settings AS text[]), CAST(:progress AS text[]), CAST(:results AS text[]), CAST(:created_at AS text[]),
    CAST(:updated_at AS text[]), CAST(:last_accessed AS text[]), CAST(:version AS bigint[]),
    CAST(:wizard_step_version AS bigint[]), CAST(:status_version AS bigint[]), CAST(:settings_version AS bigint[]),
    CAST(:progress_version AS bigint[]), CAST(:results_version AS bigint[]), CAST(:updated_by AS text[]),
    CAST(:name_folded AS text[]), CAST(:unaudited AS bigint[]), CAST(:rows_before AS bigint[])
) AS given (
    investigation_id, user_id, wizard_step, status, settings, progress, results, created_at, updated_at, last_accessed,
    version, wizard_step_version, status_version, settings_version, progress_version, results_version, updated_by,
    name_folded, unaudited, rows_before
)
JOIN investigations AS i ON i.id = given.investigation_id AND i.change_seq = given.rows_before
LEFT JOIN investigation_audit_log AS a ON a.investigation_id = given.investigation_id AND a.version = given.version
CROSS JOIN LATERAL wizard_described(given.settings, given.progress, given.results) AS d
WHERE given.unaudited <> 0 OR a.entry_id IS NOT NULL;

-- name: archive.add_template
-- Templates; the column is never NULL, so JSON's null is written out.
INSERT INTO investigation_templates (
    template_id, user_id, name, name_folded, description, description_folded, template_json, created_at, updated_at,
    usage_count
)
SELECT given.template_id, given.user_id, given.name, given.name_folded, given.description, given.description_folded,
       coalesce(given.template, 'null'), CAST(given.created_at AS timestamptz), CAST(given.updated_at AS timestamptz),
       given.usage_count
FROM unnest(
    CAST(:template_id AS text[]), CAST(:user_id AS text[]), CAST(:name AS text[]), CAST(:name_folded AS text[]),
    CAST(:description AS text[]), CAST(:description_folded AS text[]), CAST(:template AS text[]),
    CAST(:created_at AS text[]), CAST(:updated_at AS text[]), CAST(:usage_count AS bigint[])
) AS given (
    template_id, user_id, name, name_folded, description, description_folded, template, created_at, updated_at,
    usage_count
);

-- name: archive.brought
-- One row if this import brought the investigation, else none.
SELECT i.id
FROM investigations AS i
WHERE i.id = :investigation_id AND i.change_seq = :rows_before;

-- name: archive.settle
-- Gives the investigations that this import brought place 0, as if they were older than the order of changes.
UPDATE investigations
SET change_seq = 0
WHERE change_seq = -1;
