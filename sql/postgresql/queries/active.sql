-- name: active.sequence
-- The place of the newest change in the order of all, and the one below which lists are outdated.
SELECT place AS value, floor FROM newest_change;

-- name: active.page_user
-- One page of the investigations of a user, the last changed first.
SELECT s.*
FROM dashboard_states AS s
WHERE s.user_id = :user_id
  AND (CAST(:status AS json) IS NULL OR s.status = ANY (ARRAY(SELECT json_array_elements_text(CAST(:status AS json)))))
  AND (CAST(:wizard_step AS json) IS NULL
       OR s.wizard_step = ANY (ARRAY(SELECT json_array_elements_text(CAST(:wizard_step AS json)))))
ORDER BY s.updated_at DESC, s.investigation_id
LIMIT :limit OFFSET :offset;

-- name: active.count_user
-- How many investigations of a user match a filter.
SELECT count(*) AS total
FROM investigation_states AS s
WHERE s.user_id = :user_id
  AND (CAST(:status AS json) IS NULL OR s.status = ANY (ARRAY(SELECT json_array_elements_text(CAST(:status AS json)))))
  AND (CAST(:wizard_step AS json) IS NULL
       OR s.wizard_step = ANY (ARRAY(SELECT json_array_elements_text(CAST(:wizard_step AS json)))));

-- name: active.changed_user
-- The investigations of a user that changed after a place in the order, in that order.
SELECT s.*, i.shown_seq AS change_seq
FROM investigations AS i JOIN dashboard_states AS s ON s.investigation_id = i.id
WHERE i.user_id = :user_id AND i.shown_seq > :cursor
ORDER BY i.shown_seq
LIMIT :limit;

-- name: active.removed_user
-- The investigations of a user whose states were removed after a place in the order, in that order.
SELECT i.id AS investigation_id, i.shown_seq AS change_seq
FROM investigations AS i
WHERE i.user_id = :user_id AND i.shown_seq > :cursor
  AND NOT EXISTS (SELECT 1 FROM investigation_states AS s WHERE s.investigation_id = i.id)
ORDER BY i.shown_seq
LIMIT :limit;

-- name: active.newly_stalled_user
-- The running investigations of a user whose last report came between two instants, the oldest report first.
SELECT d.*
FROM running_states AS r JOIN dashboard_states AS d ON d.investigation_id = r.investigation_id
WHERE r.user_id = :user_id AND r.last_report > :after AND r.last_report <= :until
ORDER BY r.last_report
LIMIT :limit;

-- name: active.last_reports_user
-- The last reports on running investigations of a user that came after an instant, the oldest first.
SELECT r.investigation_id, r.last_report
FROM running_states AS r
WHERE r.user_id = :user_id AND r.last_report > :after
ORDER BY r.last_report
LIMIT :limit;

-- name: active.page_all
-- One page of the investigations of everybody, the last changed first.
SELECT s.*
FROM dashboard_states AS s
WHERE TRUE
  AND (CAST(:status AS json) IS NULL OR s.status = ANY (ARRAY(SELECT json_array_elements_text(CAST(:status AS json)))))
  AND (CAST(:wizard_step AS json) IS NULL
       OR s.wizard_step = ANY (ARRAY(SELECT json_array_elements_text(CAST(:wizard_step AS json)))))
ORDER BY s.updated_at DESC, s.investigation_id
LIMIT :limit OFFSET :offset;

-- name: active.count_all
-- How many investigations of everybody match a filter.
SELECT count(*) AS total
FROM investigation_states AS s
WHERE TRUE
  AND (CAST(:status AS json) IS NULL OR s.status = ANY (ARRAY(SELECT json_array_elements_text(CAST(:status AS json)))))
  AND (CAST(:wizard_step AS json) IS NULL
       OR s.wizard_step = ANY (ARRAY(SELECT json_array_elements_text(CAST(:wizard_step AS json)))));

-- name: active.changed_all
-- The investigations of everybody that changed after a place in the order, in that order.
SELECT s.*, i.shown_seq AS change_seq
FROM investigations AS i JOIN dashboard_states AS s ON s.investigation_id = i.id
WHERE i.shown_seq > :cursor
ORDER BY i.shown_seq
LIMIT :limit;

-- name: active.removed_all
-- The investigations of everybody whose states were removed after a place in the order, in that order.
SELECT i.id AS investigation_id, i.shown_seq AS change_seq
FROM investigations AS i
WHERE i.shown_seq > :cursor
  AND NOT EXISTS (SELECT 1 FROM investigation_states AS s WHERE s.investigation_id = i.id)
ORDER BY i.shown_seq
LIMIT :limit;

-- name: active.newly_stalled_all
-- The running investigations of everybody whose last report came between two instants, the oldest report first.
SELECT d.*
FROM running_states AS r JOIN dashboard_states AS d ON d.investigation_id = r.investigation_id
WHERE r.last_report > :after AND r.last_report <= :until
ORDER BY r.last_report
LIMIT :limit;

-- name: active.last_reports_all
-- The last reports on running investigations of everybody that came after an instant, the oldest first.
SELECT r.investigation_id, r.last_report
FROM running_states AS r
WHERE r.last_report > :after
ORDER BY r.last_report
LIMIT :limit;
