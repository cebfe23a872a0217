-- name: investigations.get
-- The parent row, with the highest version that it or its trail knows (0: none).
SELECT i.id, i.user_id, i.purged_at,
       max(i.newest_version, coalesce((SELECT max(a.version) FROM investigation_audit_log a
                                       WHERE a.investigation_id = i.id), 0)) AS newest_version
FROM investigations i
WHERE i.id = :investigation_id;

-- name: investigations.claim
-- Inserts the parent row where it is absent, sets its owner where it has none, and clears the mark of a purge.
INSERT INTO investigations (id, user_id, created_at)
VALUES (:investigation_id, :user_id, :created_at)
ON CONFLICT (id) DO UPDATE SET user_id = coalesce(user_id, excluded.user_id), purged_at = NULL,
    removed_seq = NULL;

-- name: investigations.retire
-- Marks an investigation whose state is deleted next, with the version that the deletion takes.
UPDATE investigations
SET newest_version = max(newest_version, :newest_version)
WHERE id = :investigation_id;
