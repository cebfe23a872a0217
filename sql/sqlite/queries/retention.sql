-- What `wizard-server purge` asks and removes; wizard_server/storage/statements/retention.py says in which order.
--
-- A timestamp is old when it is a date (what is none is never old) and lies before :cutoff. The comparison as text is
-- for the index; strftime settles dates that were written by hand in another form.
--
-- The entry that is kept longest of a trail is the one with the highest version; where no entry has a version, the
-- last one, unless there is a state: then nothing depends on it.

-- name: retention.count
-- How many investigations and entries a purge would remove now.
WITH doomed AS (
    SELECT s.investigation_id AS id
    FROM investigation_states AS s
    WHERE s.status IN ('COMPLETED', 'CANCELLED')
      AND s.updated_at < :cutoff AND s.updated_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
      AND strftime('%Y-%m-%dT%H:%M:%fZ', s.updated_at) < :cutoff
    UNION ALL
    SELECT i.id
    FROM investigations AS i
    WHERE NOT EXISTS (SELECT 1 FROM investigation_states AS s WHERE s.investigation_id = i.id)
      AND EXISTS (SELECT 1 FROM investigation_audit_log AS a WHERE a.investigation_id = i.id)
      AND NOT EXISTS (
          SELECT 1
          FROM investigation_audit_log AS a
          WHERE a.investigation_id = i.id AND NOT coalesce(
              a.timestamp < :cutoff AND a.timestamp GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
              AND strftime('%Y-%m-%dT%H:%M:%fZ', a.timestamp) < :cutoff, 0
          )
      )
)
SELECT (SELECT count(*) FROM doomed) AS investigations,
       (SELECT count(*) FROM doomed AS d JOIN investigation_audit_log AS a ON a.investigation_id = d.id) + (
           SELECT count(*)
           FROM investigation_audit_log AS a
           WHERE a.timestamp < :cutoff AND a.timestamp GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
             AND strftime('%Y-%m-%dT%H:%M:%fZ', a.timestamp) < :cutoff
             AND a.investigation_id NOT IN (SELECT d.id FROM doomed AS d)
             AND (a.rowid <> (
                     SELECT kept.rowid
                     FROM investigation_audit_log AS kept
                     WHERE kept.investigation_id = a.investigation_id
                     ORDER BY kept.version DESC, kept.rowid DESC
                     LIMIT 1
                 )
                 OR (a.version IS NULL AND EXISTS (
                     SELECT 1 FROM investigation_states AS s WHERE s.investigation_id = a.investigation_id
                 )))
       ) AS entries;

-- name: retention.entries
-- The next entries that are old and not kept, in the order of their timestamps.
SELECT a.rowid AS row, a.timestamp
FROM investigation_audit_log AS a INDEXED BY idx_audit_log_timestamp
WHERE a.timestamp >= :after AND a.timestamp < :cutoff AND (a.timestamp > :after OR a.rowid < :after_row)
  AND a.timestamp GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
  AND strftime('%Y-%m-%dT%H:%M:%fZ', a.timestamp) < :cutoff
  AND (a.rowid <> (
          SELECT kept.rowid
          FROM investigation_audit_log AS kept
          WHERE kept.investigation_id = a.investigation_id
          ORDER BY kept.version DESC, kept.rowid DESC
          LIMIT 1
      )
      OR (a.version IS NULL AND EXISTS (
          SELECT 1 FROM investigation_states AS s WHERE s.investigation_id = a.investigation_id
      )))
ORDER BY a.timestamp, a.rowid DESC
LIMIT :limit;

-- name: retention.delete_entries
-- Removes those of the given entries (a JSON array of row ids; they are old, and no entry gets younger) that are still
-- not the one to keep.
DELETE FROM investigation_audit_log AS a
WHERE a.rowid IN (SELECT value FROM json_each(:rows)) AND a.timestamp < :cutoff
  AND (a.rowid <> (
          SELECT kept.rowid
          FROM investigation_audit_log AS kept
          WHERE kept.investigation_id = a.investigation_id
          ORDER BY kept.version DESC, kept.rowid DESC
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
  AND (s.status IN ('COMPLETED', 'CANCELLED')
          AND s.updated_at < :cutoff AND s.updated_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
          AND strftime('%Y-%m-%dT%H:%M:%fZ', s.updated_at) < :cutoff
      OR s.investigation_id IS NULL
          AND EXISTS (SELECT 1 FROM investigation_audit_log AS a WHERE a.investigation_id = i.id)
          AND NOT EXISTS (
              SELECT 1
              FROM investigation_audit_log AS a
              WHERE a.investigation_id = i.id AND NOT coalesce(
                  a.timestamp < :cutoff AND a.timestamp GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
                  AND strftime('%Y-%m-%dT%H:%M:%fZ', a.timestamp) < :cutoff, 0
              )
          ))
ORDER BY i.id
LIMIT :limit;

-- name: retention.still_doomed
-- Those of the given investigations (a JSON array of ids) that are still to be purged, with the length of their trails.
SELECT i.id, (SELECT count(*) FROM investigation_audit_log AS a WHERE a.investigation_id = i.id) AS entries
FROM json_each(:ids) AS given
JOIN investigations AS i ON i.id = given.value
LEFT JOIN investigation_states AS s ON s.investigation_id = i.id
WHERE s.status IN ('COMPLETED', 'CANCELLED')
      AND s.updated_at < :cutoff AND s.updated_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
      AND strftime('%Y-%m-%dT%H:%M:%fZ', s.updated_at) < :cutoff
   OR s.investigation_id IS NULL
      AND EXISTS (SELECT 1 FROM investigation_audit_log AS a WHERE a.investigation_id = i.id)
      AND NOT EXISTS (
          SELECT 1
          FROM investigation_audit_log AS a
          WHERE a.investigation_id = i.id AND NOT coalesce(
              a.timestamp < :cutoff AND a.timestamp GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
              AND strftime('%Y-%m-%dT%H:%M:%fZ', a.timestamp) < :cutoff, 0
          )
      )
ORDER BY i.id;

-- name: retention.bury
-- Leaves of the given investigations the row that answers for them, with the highest version they ever had.
UPDATE investigations
SET purged_at = :purged_at,
    newest_version = max(
        newest_version,
        coalesce((SELECT s.version FROM investigation_states AS s WHERE s.investigation_id = investigations.id), 0),
        coalesce((SELECT max(a.version) FROM investigation_audit_log AS a
                  WHERE a.investigation_id = investigations.id), 0)
    )
WHERE id IN (SELECT value FROM json_each(:ids));

-- name: retention.delete_states
-- Removes the states of the given investigations (a JSON array of ids).
DELETE FROM investigation_states
WHERE investigation_id IN (SELECT value FROM json_each(:ids));

-- name: retention.delete_trails
-- Removes the whole trails of the given investigations (a JSON array of ids).
DELETE FROM investigation_audit_log
WHERE investigation_id IN (SELECT value FROM json_each(:ids));
