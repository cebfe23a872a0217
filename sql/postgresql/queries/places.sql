-- How PostgreSQL gives places in the order of changes: under one lock, which a transaction takes last, and which its commit
-- frees. So places become visible in their order. A sequence would not do: who took 7 may commit before who took 6.

-- name: places.lock
-- Takes the lock under which places are given.
SELECT 1
FROM change_lock
WHERE id = 1
FOR UPDATE;

-- name: places.take
-- Gives the next place to the investigations with the given ids, those of :changed among them with a new version, those of
-- :shown with what dashboards show.
UPDATE investigations
SET change_seq = next.place,
    shown_seq = CASE WHEN id = ANY (CAST(:shown AS text[])) THEN next.place ELSE shown_seq END,
    version_seq = CASE WHEN id = ANY (CAST(:changed AS text[])) THEN next.place ELSE version_seq END
FROM (SELECT place + 1 AS place FROM newest_change) AS next
WHERE id = ANY (CAST(:ids AS text[]))
RETURNING change_seq;

-- name: places.settle
-- Gives a place to each investigation that was edited by hand, because the edit itself takes none. An investigation that
-- was removed or handed over has no change that says so: it raises the floor, below which lists are outdated.
WITH edited AS (
    DELETE FROM hand_edits
    RETURNING id, investigation_id, kind
), settled AS (
    SELECT investigation_id, newest.place + row_number() OVER (ORDER BY min(edited.id)) AS place
    FROM edited, newest_change AS newest
    GROUP BY investigation_id, newest.place
), raised AS (
    UPDATE change_lock
    SET floor = (SELECT max(place) FROM settled)
    WHERE EXISTS (SELECT 1 FROM edited WHERE kind IN ('gone', 'handed_over'))
)
UPDATE investigations
SET change_seq = settled.place, shown_seq = settled.place, version_seq = settled.place
FROM settled
WHERE id = settled.investigation_id;

-- name: places.any_edited
-- One row if an edit by hand has no place yet.
SELECT 1 AS found
FROM hand_edits
LIMIT 1;

-- name: places.raise_floor
-- Raises the floor to the next place: lists from before it are outdated. No place up to :gone is given again.
UPDATE change_lock
SET floor = 1 + greatest((SELECT max(change_seq) FROM investigations), floor, CAST(:gone AS bigint))
WHERE id = 1;
