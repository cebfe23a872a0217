-- What `wizard-server export` reads and `wizard-server import` writes. Columns carry the names of the members of a line.
-- Every SELECT follows an index, so that the first row comes at once and nothing is sorted in memory.

-- name: archive.counts
-- How many lines of each kind an export has.
SELECT (SELECT count(*) FROM investigations) AS investigation,
       (SELECT count(*) FROM investigation_audit_log) AS entry,
       (SELECT count(*) FROM investigation_states) AS state,
       (SELECT count(*) FROM investigation_templates) AS template;

-- name: archive.investigations
-- Every parent row, tombstones included.
SELECT i.id, i.created_at, i.user_id, i.newest_version, i.purged_at
FROM investigations AS i
ORDER BY i.id;

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
