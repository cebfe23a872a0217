-- name: changes.after
-- The newest place in the order of all changes and the floor, and with them what has a place above :position, in order:
-- states, and investigations whose states are gone (version NULL). Without any there is one row, with NULL for the rest.
SELECT n.place AS value, n.floor, c.investigation_id, c.user_id, c.version, c.heard_at
FROM newest_change AS n LEFT JOIN (
    SELECT i.id AS investigation_id, i.user_id, s.version, s.heard_at, i.change_seq AS place
    FROM investigations AS i LEFT JOIN investigation_states AS s ON s.investigation_id = i.id
    WHERE i.change_seq > CAST(:position AS bigint)
) AS c ON TRUE
ORDER BY c.place
LIMIT :limit;
