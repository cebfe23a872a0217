-- name: changes.after
-- The newest place in the order of all changes and the floor, and with them what has a place above :position, in order:
-- states, and investigations whose states are gone (version NULL); `is_shown`: dashboards show it. Without any there is one
-- row, with NULL for the rest.
SELECT s.value, s.floor, c.investigation_id, c.user_id, c.version, c.heard_at, TRUE AS is_shown
FROM change_sequence AS s LEFT JOIN (
    SELECT investigation_id, user_id, version, heard_at, change_seq AS place
    FROM investigation_states
    WHERE change_seq > :position
    UNION ALL
    SELECT id, user_id, NULL, NULL, removed_seq
    FROM investigations
    WHERE removed_seq > :position
) AS c ON TRUE
ORDER BY c.place
LIMIT :limit;
