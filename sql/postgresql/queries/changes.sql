-- name: changes.after
-- The newest place in the order of all changes and the floor, and with them what has a place above :position, in order:
-- states, and investigations whose states are gone (version NULL); `is_shown`: dashboards show it. Without any there is one
-- row, with NULL for the rest.
SELECT n.place AS value, n.floor, c.investigation_id, c.user_id, c.version, c.heard_at, c.is_shown
FROM newest_change AS n LEFT JOIN (
    SELECT i.id AS investigation_id, i.user_id, s.version, s.heard_at, i.change_seq AS place,
           i.shown_seq > CAST(:position AS bigint) AS is_shown
    FROM (
        SELECT id, user_id, change_seq, shown_seq
        FROM investigations
        WHERE change_seq > CAST(:position AS bigint)
        ORDER BY change_seq
        LIMIT :limit
    ) AS i LEFT JOIN LATERAL (
        SELECT version, heard_at
        FROM investigation_states
        WHERE investigation_id = i.id
        LIMIT 1
    ) AS s ON TRUE
) AS c ON TRUE
ORDER BY c.place
LIMIT :limit;
