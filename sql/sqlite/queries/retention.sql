-- What `wizard-server purge` asks and removes; wizard_server/storage/statements/retention.py says in which order. The views
-- `finished_investigations` and `spare_entries` (migrations/0003_rows.sql) say what may go, and since when.

-- name: retention.count
-- How many investigations and entries a purge would remove now.
WITH doomed AS MATERIALIZED (
    SELECT id FROM finished_investigations WHERE finished_at < :cutoff
)
SELECT (SELECT count(*) FROM doomed) AS investigations,
       (SELECT count(*) FROM doomed AS d JOIN investigation_audit_log AS a ON a.investigation_id = d.id) + (
           SELECT count(*)
           FROM spare_entries AS a
           WHERE a.timestamp < :cutoff AND a.written_at < :cutoff AND a.investigation_id NOT IN (SELECT d.id FROM doomed AS d)
       ) AS entries;

-- name: retention.entries
-- The next entries that are old and not kept, in the order of their timestamps: as texts, for the index.
SELECT row, timestamp
FROM spare_entries
WHERE timestamp >= :after AND timestamp < :cutoff AND (timestamp > :after OR row < :after_row) AND written_at < :cutoff
ORDER BY timestamp, row DESC
LIMIT :limit;

-- name: retention.delete_entries
-- Removes those of the given entries (a JSON array of row ids; they are old, and no entry gets younger) that are still
-- not the one to keep.
DELETE FROM investigation_audit_log
WHERE rowid IN (
    SELECT row FROM spare_entries WHERE row IN (SELECT value FROM json_each(:rows)) AND timestamp < :cutoff
);

-- name: retention.investigations
-- The next investigations to purge, by id.
SELECT id
FROM finished_investigations
WHERE id > :after AND finished_at < :cutoff
ORDER BY id
LIMIT :limit;

-- name: retention.still_doomed
-- Those of the given investigations (a JSON array of ids) that are still to be purged, with the length of their trails.
SELECT f.id, (SELECT count(*) FROM investigation_audit_log AS a WHERE a.investigation_id = f.id) AS entries
FROM finished_investigations AS f
WHERE f.id IN (SELECT value FROM json_each(:ids)) AND f.finished_at < :cutoff
ORDER BY f.id;

-- name: retention.bury
-- Turns the rows of the given investigations into tombstones, which keep the highest version that each ever had.
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
