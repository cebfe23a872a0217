-- name: investigations.get
-- The parent row, with the highest version that it or its trail knows (0: none).
SELECT i.id, i.user_id, i.purged_at,
       greatest(i.newest_version, (SELECT max(a.version) FROM investigation_audit_log AS a
                                   WHERE a.investigation_id = i.id)) AS newest_version
FROM investigations AS i
WHERE i.id = :investigation_id;

-- name: investigations.claim
-- Inserts the parent row where it is absent, sets its owner where it has none, and clears the mark of a purge.
INSERT INTO investigations (id, user_id, created_at)
SELECT given.id, given.user_id, CAST(given.created_at AS timestamptz)
FROM unnest(CAST(:investigation_id AS text[]), CAST(:user_id AS text[]), CAST(:created_at AS text[]))
    AS given (id, user_id, created_at)
ORDER BY given.id
ON CONFLICT (id) DO UPDATE
SET user_id = coalesce(investigations.user_id, excluded.user_id), purged_at = NULL, removed_at = NULL;

-- name: investigations.retire
-- Marks an investigation whose state is deleted next, with the version that the deletion takes.
UPDATE investigations AS i
SET newest_version = greatest(i.newest_version, given.newest_version), removed_at = CAST(given.removed_at AS timestamptz)
FROM unnest(CAST(:investigation_id AS text[]), CAST(:newest_version AS bigint[]), CAST(:removed_at AS text[]))
    AS given (id, newest_version, removed_at)
WHERE i.id = given.id;
