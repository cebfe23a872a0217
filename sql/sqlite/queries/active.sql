-- name: active.sequence
-- The place of the newest change in the order of all, and the one below which lists are outdated.
SELECT value, floor FROM change_sequence;

-- name: active.page_user
-- One page of the investigations of a user, the last changed first.
SELECT *
FROM dashboard_states
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
SELECT *
FROM dashboard_states
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
SELECT d.*
FROM running_states AS r JOIN dashboard_states AS d ON d.row = r.row
WHERE r.user_id = :user_id AND r.last_report > :after AND r.last_report <= :until
ORDER BY r.last_report
LIMIT :limit;

-- name: active.last_reports_user
-- The last reports on running investigations of a user that came after an instant, the oldest first.
SELECT investigation_id, last_report
FROM running_states
WHERE user_id = :user_id AND last_report > :after
ORDER BY last_report
LIMIT :limit;

-- name: active.page_all
-- One page of the investigations of everybody, the last changed first.
SELECT *
FROM dashboard_states
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
SELECT *
FROM dashboard_states
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
SELECT d.*
FROM running_states AS r JOIN dashboard_states AS d ON d.row = r.row
WHERE r.last_report > :after AND r.last_report <= :until
ORDER BY r.last_report
LIMIT :limit;

-- name: active.last_reports_all
-- The last reports on running investigations of everybody that came after an instant, the oldest first.
SELECT investigation_id, last_report
FROM running_states
WHERE last_report > :after
ORDER BY last_report
LIMIT :limit;
