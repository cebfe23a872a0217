-- name: investigations.get
-- The parent row, with the highest version that it or its trail knows (0: none).
SELECT i.id, i.user_id, i.purged_at,
       max(i.newest_version, coalesce((SELECT max(a.version) FROM investigation_audit_log a
                                       WHERE a.investigation_id = i.id), 0)) AS newest_version
FROM investigations i
WHERE i.id = :investigation_id;

-- name: investigations.claim
-- Makes the parent row where it is absent, gives it an owner where it has none, and brings it back after a purge.
INSERT INTO investigations (id, user_id, created_at)
VALUES (:investigation_id, :user_id, :created_at)
ON CONFLICT (id) DO UPDATE SET user_id = coalesce(user_id, excluded.user_id), purged_at = NULL,
    removed_seq = NULL;

-- name: investigations.retire
-- Says of an investigation that its state is about to be deleted, and which version that takes.
UPDATE investigations
SET newest_version = max(newest_version, :newest_version)
WHERE id = :investigation_id;
