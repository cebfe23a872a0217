-- What `wizard-server schema check --data` reads: every row that the server decodes, a page at a time.

-- name: data.investigations
-- Parent rows after a row; NULL: the first.
SELECT i.rowid AS row, i.id, i.created_at, i.user_id, i.newest_version, i.purged_at, i.removed_seq
FROM investigations AS i
WHERE i.rowid > coalesce(:after, -9223372036854775808)
ORDER BY i.rowid
LIMIT :limit;

-- name: data.states
-- States after a row; NULL: the first.
SELECT s.rowid AS row, s.investigation_id, s.user_id, s.wizard_step, s.status, s.settings_json, s.progress_json,
       s.results_json, s.created_at, s.updated_at, s.last_accessed, s.heard_at, s.version, s.wizard_step_version,
       s.status_version, s.settings_version, s.progress_version, s.results_version, s.change_seq, s.updated_by
FROM investigation_states AS s
WHERE s.rowid > coalesce(:after, -9223372036854775808)
ORDER BY s.rowid
LIMIT :limit;

-- name: data.entries
-- Audit entries after a row; NULL: the first.
SELECT a.rowid AS row, a.entry_id, a.investigation_id, a.user_id, a.action_type, a.previous_state, a.new_state, a.source,
       a.timestamp, a.version, a.mutation_id
FROM investigation_audit_log AS a
WHERE a.rowid > coalesce(:after, -9223372036854775808)
ORDER BY a.rowid
LIMIT :limit;

-- name: data.templates
-- Templates after a row; NULL: the first.
SELECT t.rowid AS row, t.template_id, t.user_id, t.name, t.description, t.template_json, t.usage_count, t.created_at,
       t.updated_at
FROM investigation_templates AS t
WHERE t.rowid > coalesce(:after, -9223372036854775808)
ORDER BY t.rowid
LIMIT :limit;

-- name: data.kept_answers
-- Kept answers after a row; NULL: the first.
SELECT k.rowid AS row, k.user_id, k.key, k.fingerprint, k.status, k.investigation_id, k.version, k.body, k.created_at
FROM idempotency_keys AS k
WHERE k.rowid > coalesce(:after, -9223372036854775808)
ORDER BY k.rowid
LIMIT :limit;

-- name: data.sequence
-- The order of changes, one row.
SELECT c.rowid AS row, c.id, c.value, c.floor
FROM change_sequence AS c
WHERE c.rowid > coalesce(:after, -9223372036854775808)
ORDER BY c.rowid
LIMIT :limit;
