-- The answers to requests with an Idempotency-Key. A row made at :expired or before has expired.

-- name: idempotency.get
-- The answers under the given keys (a JSON array of pairs: user and key).
SELECT k.user_id, k.key, k.fingerprint, k.status, k.investigation_id, k.version, k.body, k.created_at
FROM json_array_elements(CAST(:keys AS json)) AS asked
JOIN idempotency_keys AS k ON k.user_id = asked ->> 0 AND k.key = asked ->> 1
WHERE k.created_at > :expired;

-- name: idempotency.insert
-- Inserts an answer, or replaces an expired one; does nothing where there is one that has not expired.
WITH kept AS (
    INSERT INTO idempotency_keys AS known (
        user_id, key, fingerprint, status, investigation_id, version, body, created_at
    )
    SELECT given.user_id, given.key, given.fingerprint, given.status, given.investigation_id, given.version, given.body,
           CAST(given.created_at AS timestamptz)
    FROM unnest(
        CAST(:user_id AS text[]), CAST(:key AS text[]), CAST(:fingerprint AS text[]), CAST(:status AS integer[]),
        CAST(:investigation_id AS text[]), CAST(:version AS bigint[]), CAST(:body AS text[]), CAST(:created_at AS text[])
    ) AS given (user_id, key, fingerprint, status, investigation_id, version, body, created_at)
    ORDER BY given.user_id, given.key
    ON CONFLICT (user_id, key) DO UPDATE
    SET fingerprint = excluded.fingerprint, status = excluded.status, investigation_id = excluded.investigation_id,
        version = excluded.version, body = excluded.body, created_at = excluded.created_at
    WHERE known.created_at <= (SELECT min(CAST(expired AS timestamptz)) FROM unnest(CAST(:expired AS text[])) AS expired)
    RETURNING 1
)
SELECT CASE WHEN count(*) < cardinality(CAST(:key AS text[])) THEN CAST(
    'idempotency.insert met ' || count(*) || ' of ' || cardinality(CAST(:key AS text[])) || ' rows' AS integer
) END
FROM kept;

-- name: idempotency.delete_expired
-- Removes the oldest expired rows, at most :limit.
DELETE FROM idempotency_keys
WHERE (user_id, key) IN (
    SELECT user_id, key
    FROM idempotency_keys
    WHERE created_at <= ANY (CAST(CAST(:expired AS text[]) AS timestamptz[]))
    ORDER BY created_at
    LIMIT (SELECT max(given) FROM unnest(CAST(:limit AS bigint[])) AS given)
    FOR UPDATE SKIP LOCKED
);
