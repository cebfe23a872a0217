-- The answers to requests with an Idempotency-Key. A row made at :expired or before has expired.

-- name: idempotency.count_expired
-- How many rows have expired.
SELECT count(*) AS total
FROM idempotency_keys
WHERE created_at <= :expired;

-- name: idempotency.any_expired
-- One expired row, if there is any: asked first, because a transaction that removes none is a wasted write.
SELECT 1 AS found
FROM idempotency_keys
WHERE created_at <= :expired
LIMIT 1;
