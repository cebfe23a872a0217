-- What an archive needs of SQLite: its row ids are the order of commits, its savepoints the runs of an import.

-- name: archive.snapshot
-- Begins a read transaction: it does not see what others commit after its first statement.
BEGIN DEFERRED;

-- name: archive.entries
-- Every audit entry; row ids are the order of commits.
SELECT a.entry_id, a.investigation_id, a.user_id, a.action_type, a.previous_state, a.new_state, a.source, a.timestamp,
       a.version, a.mutation_id
FROM investigation_audit_log AS a
ORDER BY a.investigation_id, a.rowid;

-- name: archive.newest_row
-- The row id above which an import adds its investigations.
SELECT coalesce(max(i.rowid), 0) AS row
FROM investigations AS i;

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
-- One parent row.
INSERT INTO investigations (id, created_at, user_id, newest_version, purged_at)
VALUES (:id, :created_at, :user_id, :newest_version, :purged_at);

-- name: archive.add_entry
-- One audit entry, if this import brought its investigation (its row id lies above :rows_before).
INSERT INTO investigation_audit_log (
    entry_id, investigation_id, user_id, action_type, previous_state, new_state, source, timestamp, version, mutation_id
)
SELECT :entry_id, :investigation_id, :user_id, :action_type, :previous_state, :new_state, :source, :timestamp, :version,
       :mutation_id
WHERE EXISTS (SELECT 1 FROM investigations AS i WHERE i.id = :investigation_id AND i.rowid > :rows_before);

-- name: archive.add_state
-- One state, if this import brought its investigation, and its version has its entry or needs none (:unaudited).
INSERT INTO investigation_states (
    investigation_id, user_id, wizard_step, status, settings_json, progress_json, results_json, created_at, updated_at,
    last_accessed, version, wizard_step_version, status_version, settings_version, progress_version, results_version,
    updated_by
)
SELECT :investigation_id, :user_id, :wizard_step, :status, :settings, :progress, :results, :created_at, :updated_at,
       :last_accessed, :version, :wizard_step_version, :status_version, :settings_version, :progress_version,
       :results_version, :updated_by
WHERE EXISTS (SELECT 1 FROM investigations AS i WHERE i.id = :investigation_id AND i.rowid > :rows_before)
  AND (:unaudited OR EXISTS (
      SELECT 1
      FROM investigation_audit_log AS a
      WHERE a.investigation_id = :investigation_id AND a.version = :version
  ));

-- name: archive.add_template
-- One template; the column is never NULL, so JSON's null is written out.
INSERT INTO investigation_templates (
    template_id, user_id, name, description, template_json, created_at, updated_at, usage_count
) VALUES (
    :template_id, :user_id, :name, :description, coalesce(:template, 'null'), :created_at, :updated_at, :usage_count
);

-- name: archive.brought
-- One row if this import brought the investigation, else none.
SELECT i.id
FROM investigations AS i
WHERE i.id = :investigation_id AND i.rowid > :rows_before;
