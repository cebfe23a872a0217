-- The answers to requests with an Idempotency-Key. A row made at :expired or before has expired.

-- name: idempotency.get
-- The answers under the given keys (a JSON array of pairs: user and key).
SELECT k.user_id, k.key, k.fingerprint, k.status, k.investigation_id, k.version, k.body, k.created_at
FROM json_each(:keys) AS asked
JOIN idempotency_keys AS k ON k.user_id = asked.value ->> 0 AND k.key = asked.value ->> 1
WHERE k.created_at > :expired;

-- name: idempotency.insert
-- Inserts an answer, or replaces an expired one; does nothing where there is one that has not expired.
INSERT INTO idempotency_keys (user_id, key, fingerprint, status, investigation_id, version, body, created_at)
VALUES (:user_id, :key, :fingerprint, :status, :investigation_id, :version, :body, :created_at)
ON CONFLICT (user_id, key) DO UPDATE
SET fingerprint = excluded.fingerprint, status = excluded.status, investigation_id = excluded.investigation_id,
    version = excluded.version, body = excluded.body, created_at = excluded.created_at
WHERE idempotency_keys.created_at <= :expired;

-- name: idempotency.delete_expired
-- Removes the oldest expired rows, at most :limit.
DELETE FROM idempotency_keys
WHERE rowid IN (
    SELECT rowid
    FROM idempotency_keys
    WHERE created_at <= :expired
    ORDER BY created_at
    LIMIT :limit
);
