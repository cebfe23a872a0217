-- What `wizard-server schema check --data` reads: every row that the server decodes, a page at a time.

-- name: data.investigations
-- Parent rows after a row; NULL: the first.
SELECT i.id AS row, i.id, i.created_at, i.user_id, i.newest_version, i.purged_at,
       CASE WHEN i.removed_at IS NOT NULL THEN i.change_seq END AS removed_seq
FROM investigations AS i
WHERE i.id > coalesce(CAST(:after AS text), '')
ORDER BY i.id
LIMIT :limit;

-- name: data.states
-- States after a row; NULL: the first.
SELECT s.investigation_id AS row, s.investigation_id, s.user_id, s.wizard_step, s.status, s.settings_json,
       s.progress_json, s.results_json, s.created_at, s.updated_at, s.last_accessed, s.heard_at, s.version,
       s.wizard_step_version, s.status_version, s.settings_version, s.progress_version, s.results_version,
       (SELECT i.change_seq FROM investigations AS i WHERE i.id = s.investigation_id) AS change_seq, s.updated_by
FROM investigation_states AS s
WHERE s.investigation_id > coalesce(CAST(:after AS text), '')
ORDER BY s.investigation_id
LIMIT :limit;

-- name: data.entries
-- Audit entries after a row; NULL: the first.
SELECT a.place AS row, a.entry_id, a.investigation_id, a.user_id, a.action_type, a.previous_state, a.new_state, a.source,
       a.timestamp, a.version, a.mutation_id
FROM investigation_audit_log AS a
WHERE a.place > coalesce(CAST(:after AS bigint), -9223372036854775808)
ORDER BY a.place
LIMIT :limit;

-- name: data.templates
-- Templates after a row; NULL: the first.
SELECT t.template_id AS row, t.template_id, t.user_id, t.name, t.description, t.template_json, t.usage_count,
       t.created_at, t.updated_at
FROM investigation_templates AS t
WHERE t.template_id > coalesce(CAST(:after AS text), '')
ORDER BY t.template_id
LIMIT :limit;

-- name: data.kept_answers
-- Kept answers after a row; NULL: the first.
SELECT CAST(json_build_array(k.user_id, k.key) AS text) AS row, k.user_id, k.key, k.fingerprint, k.status,
       k.investigation_id, k.version, k.body, k.created_at
FROM idempotency_keys AS k
WHERE (k.user_id, k.key) > (
    coalesce(CAST(CAST(:after AS text) AS json) ->> 0, ''), coalesce(CAST(CAST(:after AS text) AS json) ->> 1, '')
)
ORDER BY k.user_id, k.key
LIMIT :limit;

-- name: data.sequence
-- The order of changes, one row.
SELECT n.id AS row, n.id, n.place AS value, n.floor
FROM newest_change AS n
WHERE n.id > coalesce(CAST(:after AS bigint), 0)
ORDER BY n.id
LIMIT :limit;
