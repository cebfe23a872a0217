-- What `wizard-server export` reads and `wizard-server import` writes. Columns carry the names of the members of a line.
-- Every SELECT follows an index, so that the first row comes at once and nothing is sorted in memory.

-- name: archive.snapshot
-- Begins to read: what others commit from the first statement on is not seen.
BEGIN DEFERRED;

-- name: archive.counts
-- How many lines of each kind there will be.
SELECT (SELECT count(*) FROM investigations) AS investigation,
       (SELECT count(*) FROM investigation_audit_log) AS entry,
       (SELECT count(*) FROM investigation_states) AS state,
       (SELECT count(*) FROM investigation_templates) AS template;

-- name: archive.investigations
-- Every parent row, tombstones included.
SELECT i.id, i.created_at, i.user_id, i.newest_version, i.purged_at
FROM investigations AS i
ORDER BY i.id;

-- name: archive.entries
-- Every audit entry; row ids are the order of commits.
SELECT a.entry_id, a.investigation_id, a.user_id, a.action_type, a.previous_state, a.new_state, a.source, a.timestamp,
       a.version, a.mutation_id
FROM investigation_audit_log AS a
ORDER BY a.investigation_id, a.rowid;

-- name: archive.states
-- Every state, and whether its version has its entry.
SELECT s.investigation_id, s.user_id, s.wizard_step, s.status, s.settings_json AS settings, s.progress_json AS progress,
       s.results_json AS results, s.created_at, s.updated_at, s.last_accessed, s.version, s.wizard_step_version,
       s.status_version, s.settings_version, s.progress_version, s.results_version, s.updated_by,
       EXISTS (
           SELECT 1
           FROM investigation_audit_log AS a
           WHERE a.investigation_id = s.investigation_id AND a.version = s.version
       ) AS has_entry
FROM investigation_states AS s
ORDER BY s.investigation_id;

-- name: archive.templates
-- Every template.
SELECT t.template_id, t.user_id, t.name, t.description, t.template_json AS template, t.created_at, t.updated_at,
       t.usage_count
FROM investigation_templates AS t
ORDER BY t.template_id;

-- name: archive.newest_row
-- The row id above which an import adds its investigations.
SELECT coalesce(max(i.rowid), 0) AS row
FROM investigations AS i;

-- name: archive.savepoint
-- Begins a run of rows.
SAVEPOINT run;

-- name: archive.undo
-- Takes the rows of the run back.
ROLLBACK TO run;

-- name: archive.release
-- Ends the run, with what is left of it.
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
