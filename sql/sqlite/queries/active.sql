-- name: active.sequence
-- The place of the newest change in the order of all, and the one below which lists are outdated.
SELECT value, floor FROM change_sequence;

-- name: active.page_user
-- One page of the investigations of a user, the last changed first.
SELECT investigation_id, user_id, name, description, wizard_step, status, version, created_at, updated_at, last_accessed,
       entity_count, started_at, completed_at, overall_score, risk_level, heard_at, change_seq,
       CASE WHEN json_valid(progress_json) THEN json_extract(progress_json, '$.overall_progress') END AS overall_progress,
       CASE WHEN json_valid(progress_json) THEN json_extract(progress_json, '$.current_phase') END AS current_phase
FROM investigation_states
WHERE user_id = :user_id
  AND (:status IS NULL OR status IN (SELECT value FROM json_each(:status)))
  AND (:wizard_step IS NULL OR wizard_step IN (SELECT value FROM json_each(:wizard_step)))
ORDER BY updated_at DESC, investigation_id
LIMIT :limit OFFSET :offset;

-- name: active.count_user
-- How many investigations of a user match a filter.
SELECT count(*) AS total
FROM investigation_states
WHERE user_id = :user_id
  AND (:status IS NULL OR status IN (SELECT value FROM json_each(:status)))
  AND (:wizard_step IS NULL OR wizard_step IN (SELECT value FROM json_each(:wizard_step)));

-- name: active.changed_user
-- The investigations of a user that changed after a place in the order, in that order.
SELECT investigation_id, user_id, name, description, wizard_step, status, version, created_at, updated_at, last_accessed,
       entity_count, started_at, completed_at, overall_score, risk_level, heard_at, change_seq,
       CASE WHEN json_valid(progress_json) THEN json_extract(progress_json, '$.overall_progress') END AS overall_progress,
       CASE WHEN json_valid(progress_json) THEN json_extract(progress_json, '$.current_phase') END AS current_phase
FROM investigation_states
WHERE user_id = :user_id AND change_seq > :cursor
ORDER BY change_seq
LIMIT :limit;

-- name: active.removed_user
-- The investigations of a user whose states were removed after a place in the order, in that order.
SELECT id AS investigation_id, removed_seq AS change_seq
FROM investigations
WHERE user_id = :user_id AND removed_seq > :cursor
ORDER BY removed_seq
LIMIT :limit;

-- name: active.newly_stalled_user
-- The running investigations of a user whose last report came between two instants, the oldest report first.
SELECT investigation_id, user_id, name, description, wizard_step, status, version, created_at, updated_at, last_accessed,
       entity_count, started_at, completed_at, overall_score, risk_level, heard_at, change_seq,
       CASE WHEN json_valid(progress_json) THEN json_extract(progress_json, '$.overall_progress') END AS overall_progress,
       CASE WHEN json_valid(progress_json) THEN json_extract(progress_json, '$.current_phase') END AS current_phase
FROM investigation_states
WHERE user_id = :user_id AND status = 'IN_PROGRESS' AND wizard_step = 'PROGRESS'
  AND max(updated_at, coalesce(heard_at, '')) > :after AND max(updated_at, coalesce(heard_at, '')) <= :until
ORDER BY max(updated_at, coalesce(heard_at, ''))
LIMIT :limit;

-- name: active.last_reports_user
-- The last reports on running investigations of a user that came after an instant, the oldest first.
SELECT investigation_id, max(updated_at, coalesce(heard_at, '')) AS last_report
FROM investigation_states
WHERE user_id = :user_id AND status = 'IN_PROGRESS' AND wizard_step = 'PROGRESS'
  AND max(updated_at, coalesce(heard_at, '')) > :after
ORDER BY last_report
LIMIT :limit;

-- name: active.page_all
-- One page of the investigations of everybody, the last changed first.
SELECT investigation_id, user_id, name, description, wizard_step, status, version, created_at, updated_at, last_accessed,
       entity_count, started_at, completed_at, overall_score, risk_level, heard_at, change_seq,
       CASE WHEN json_valid(progress_json) THEN json_extract(progress_json, '$.overall_progress') END AS overall_progress,
       CASE WHEN json_valid(progress_json) THEN json_extract(progress_json, '$.current_phase') END AS current_phase
FROM investigation_states
WHERE TRUE
  AND (:status IS NULL OR status IN (SELECT value FROM json_each(:status)))
  AND (:wizard_step IS NULL OR wizard_step IN (SELECT value FROM json_each(:wizard_step)))
ORDER BY updated_at DESC, investigation_id
LIMIT :limit OFFSET :offset;

-- name: active.count_all
-- How many investigations of everybody match a filter.
SELECT count(*) AS total
FROM investigation_states
WHERE TRUE
  AND (:status IS NULL OR status IN (SELECT value FROM json_each(:status)))
  AND (:wizard_step IS NULL OR wizard_step IN (SELECT value FROM json_each(:wizard_step)));

-- name: active.changed_all
-- The investigations of everybody that changed after a place in the order, in that order.
SELECT investigation_id, user_id, name, description, wizard_step, status, version, created_at, updated_at, last_accessed,
       entity_count, started_at, completed_at, overall_score, risk_level, heard_at, change_seq,
       CASE WHEN json_valid(progress_json) THEN json_extract(progress_json, '$.overall_progress') END AS overall_progress,
       CASE WHEN json_valid(progress_json) THEN json_extract(progress_json, '$.current_phase') END AS current_phase
FROM investigation_states
WHERE change_seq > :cursor
ORDER BY change_seq
LIMIT :limit;

-- name: active.removed_all
-- The investigations of everybody whose states were removed after a place in the order, in that order.
SELECT id AS investigation_id, removed_seq AS change_seq
FROM investigations
WHERE removed_seq > :cursor
ORDER BY removed_seq
LIMIT :limit;

-- name: active.newly_stalled_all
-- The running investigations of everybody whose last report came between two instants, the oldest report first.
SELECT investigation_id, user_id, name, description, wizard_step, status, version, created_at, updated_at, last_accessed,
       entity_count, started_at, completed_at, overall_score, risk_level, heard_at, change_seq,
       CASE WHEN json_valid(progress_json) THEN json_extract(progress_json, '$.overall_progress') END AS overall_progress,
       CASE WHEN json_valid(progress_json) THEN json_extract(progress_json, '$.current_phase') END AS current_phase
FROM investigation_states
WHERE status = 'IN_PROGRESS' AND wizard_step = 'PROGRESS'
  AND max(updated_at, coalesce(heard_at, '')) > :after AND max(updated_at, coalesce(heard_at, '')) <= :until
ORDER BY max(updated_at, coalesce(heard_at, ''))
LIMIT :limit;

-- name: active.last_reports_all
-- The last reports on running investigations of everybody that came after an instant, the oldest first.
SELECT investigation_id, max(updated_at, coalesce(heard_at, '')) AS last_report
FROM investigation_states
WHERE status = 'IN_PROGRESS' AND wizard_step = 'PROGRESS'
  AND max(updated_at, coalesce(heard_at, '')) > :after
ORDER BY last_report
LIMIT :limit;
