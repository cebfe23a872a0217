-- What `wizard-server purge` asks and removes; wizard_server/storage/statements/retention.py says in which order. The views
-- `finished_investigations` and `spare_entries` (migrations/0003_rows.sql) say what may go, and since when.

-- name: retention.count
-- How many investigations and entries a purge would remove now.
WITH doomed AS MATERIALIZED (
    SELECT f.id FROM finished_investigations AS f WHERE f.finished_at < :cutoff
)
SELECT (SELECT count(*) FROM doomed) AS investigations,
       (SELECT count(*) FROM doomed AS d JOIN investigation_audit_log AS a ON a.investigation_id = d.id) + (
           SELECT count(*)
           FROM spare_entries AS a
           WHERE a.timestamp < :cutoff AND NOT EXISTS (SELECT 1 FROM doomed AS d WHERE d.id = a.investigation_id)
       ) AS entries;

-- name: retention.entries
-- The next entries that are old and not kept, in the order of their timestamps.
SELECT a.place AS row, a.timestamp
FROM spare_entries AS a
WHERE a.timestamp >= coalesce(CAST(nullif(:after, '') AS timestamptz), '-infinity') AND a.timestamp < :cutoff
  AND (a.timestamp > coalesce(CAST(nullif(:after, '') AS timestamptz), '-infinity') OR a.place < :after_row)
ORDER BY a.timestamp, a.place DESC
LIMIT :limit;

-- name: retention.delete_entries
-- Removes those of the given entries (a JSON array of row ids; they are old, and no entry gets younger) that are still
-- not the one to keep.
DELETE FROM investigation_audit_log AS a
USING spare_entries AS spare
WHERE spare.place = ANY (ARRAY(SELECT CAST(json_array_elements_text(CAST(:rows AS json)) AS bigint)))
  AND spare.timestamp < :cutoff AND a.place = spare.place;

-- name: retention.investigations
-- The next investigations to purge, by id.
SELECT f.id
FROM finished_investigations AS f
WHERE f.id > :after AND f.finished_at < :cutoff
ORDER BY f.id
LIMIT :limit;

-- name: retention.still_doomed
-- Those of the given investigations (a JSON array of ids) that are still to be purged, with the length of their trails.
SELECT f.id, (SELECT count(*) FROM investigation_audit_log AS a WHERE a.investigation_id = f.id) AS entries
FROM finished_investigations AS f
WHERE f.id = ANY (ARRAY(SELECT json_array_elements_text(CAST(:ids AS json)))) AND f.finished_at < :cutoff
ORDER BY f.id;

-- name: retention.bury
-- Turns the rows of the given investigations into tombstones, which keep the highest version that each ever had.
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
