-- What `wizard-server purge` asks and removes; wizard_server/storage/statements/retention.py says in which order.
--
-- The entry that is kept longest of a trail is the one with the highest version; where no entry has a version, the
-- last one, unless there is a state: then nothing depends on it.

-- name: retention.count
-- How many investigations and entries a purge would remove now.
WITH doomed AS MATERIALIZED (
    SELECT s.investigation_id AS id
    FROM investigation_states AS s
    WHERE s.status IN ('COMPLETED', 'CANCELLED') AND s.updated_at < :cutoff
    UNION ALL
    SELECT i.id
    FROM investigations AS i
    WHERE NOT EXISTS (SELECT 1 FROM investigation_states AS s WHERE s.investigation_id = i.id)
      AND EXISTS (SELECT 1 FROM investigation_audit_log AS a WHERE a.investigation_id = i.id)
      AND NOT EXISTS (SELECT 1 FROM investigation_audit_log AS a WHERE a.investigation_id = i.id AND a.timestamp >= :cutoff)
)
SELECT (SELECT count(*) FROM doomed) AS investigations,
       (SELECT count(*) FROM doomed AS d JOIN investigation_audit_log AS a ON a.investigation_id = d.id) + (
           SELECT count(*)
           FROM investigation_audit_log AS a
           WHERE a.timestamp < :cutoff AND NOT EXISTS (SELECT 1 FROM doomed AS d WHERE d.id = a.investigation_id)
             AND (a.place <> (
                     SELECT kept.place
                     FROM investigation_audit_log AS kept
                     WHERE kept.investigation_id = a.investigation_id
                     ORDER BY kept.version DESC NULLS LAST, kept.place DESC
                     LIMIT 1
                 )
                 OR (a.version IS NULL AND EXISTS (
                     SELECT 1 FROM investigation_states AS s WHERE s.investigation_id = a.investigation_id
                 )))
       ) AS entries;

-- name: retention.entries
-- The next entries that are old and not kept, in the order of their timestamps.
SELECT a.place AS row, a.timestamp
FROM investigation_audit_log AS a
WHERE a.timestamp >= coalesce(CAST(nullif(:after, '') AS timestamptz), '-infinity') AND a.timestamp < :cutoff
  AND (a.timestamp > coalesce(CAST(nullif(:after, '') AS timestamptz), '-infinity') OR a.place < :after_row)
  AND (a.place <> (
          SELECT kept.place
          FROM investigation_audit_log AS kept
          WHERE kept.investigation_id = a.investigation_id
          ORDER BY kept.version DESC NULLS LAST, kept.place DESC
          LIMIT 1
      )
      OR (a.version IS NULL AND EXISTS (
          SELECT 1 FROM investigation_states AS s WHERE s.investigation_id = a.investigation_id
      )))
ORDER BY a.timestamp, a.place DESC
LIMIT :limit;

-- name: retention.delete_entries
-- Removes those of the given entries (a JSON array of row ids; they are old, and no entry gets younger) that are still
-- not the one to keep.
DELETE FROM investigation_audit_log AS a
WHERE a.place = ANY (ARRAY(SELECT CAST(json_array_elements_text(CAST(:rows AS json)) AS bigint)))
  AND a.timestamp < :cutoff
  AND (a.place <> (
          SELECT kept.place
          FROM investigation_audit_log AS kept
          WHERE kept.investigation_id = a.investigation_id
          ORDER BY kept.version DESC NULLS LAST, kept.place DESC
          LIMIT 1
      )
      OR (a.version IS NULL AND EXISTS (
          SELECT 1 FROM investigation_states AS s WHERE s.investigation_id = a.investigation_id
      )));

-- name: retention.investigations
-- The next investigations to purge, by id: with a terminal state that is old, or without a state and all entries old.
SELECT i.id
FROM investigations AS i
LEFT JOIN investigation_states AS s ON s.investigation_id = i.id
WHERE i.id > :after
  AND (s.status IN ('COMPLETED', 'CANCELLED') AND s.updated_at < :cutoff
      OR s.investigation_id IS NULL
          AND EXISTS (SELECT 1 FROM investigation_audit_log AS a WHERE a.investigation_id = i.id)
          AND NOT EXISTS (
              SELECT 1 FROM investigation_audit_log AS a WHERE a.investigation_id = i.id AND a.timestamp >= :cutoff
          ))
ORDER BY i.id
LIMIT :limit;

-- name: retention.still_doomed
-- Those of the given investigations (a JSON array of ids) that are still to be purged, with the length of their trails.
SELECT i.id, (SELECT count(*) FROM investigation_audit_log AS a WHERE a.investigation_id = i.id) AS entries
FROM investigations AS i
LEFT JOIN investigation_states AS s ON s.investigation_id = i.id
WHERE i.id = ANY (ARRAY(SELECT json_array_elements_text(CAST(:ids AS json))))
  AND (s.status IN ('COMPLETED', 'CANCELLED') AND s.updated_at < :cutoff
      OR s.investigation_id IS NULL
          AND EXISTS (SELECT 1 FROM investigation_audit_log AS a WHERE a.investigation_id = i.id)
          AND NOT EXISTS (
              SELECT 1 FROM investigation_audit_log AS a WHERE a.investigation_id = i.id AND a.timestamp >= :cutoff
          ))
ORDER BY i.id;

-- name: retention.bury
-- Leaves of the given investigations the row that answers for them, with the highest version they ever had.
UPDATE investigations
SET purged_at = :purged_at,
    newest_version = greatest(
        newest_version,
        (SELECT s.version + 1 FROM investigation_states AS s WHERE s.investigation_id = investigations.id),
        (SELECT max(a.version) FROM investigation_audit_log AS a WHERE a.investigation_id = investigations.id)
    )
WHERE id = ANY (ARRAY(SELECT json_array_elements_text(CAST(:ids AS json))));

-- name: retention.delete_states
-- Removes the states of the given investigations (a JSON array of ids).
DELETE FROM investigation_states
WHERE investigation_id = ANY (ARRAY(SELECT json_array_elements_text(CAST(:ids AS json))));

-- name: retention.delete_trails
-- Removes the whole trails of the given investigations (a JSON array of ids).
DELETE FROM investigation_audit_log
WHERE investigation_id = ANY (ARRAY(SELECT json_array_elements_text(CAST(:ids AS json))));
