-- What is kept of requests with an Idempotency-Key. A row that was made at :expired or before counts no more.

-- name: idempotency.count_expired
-- How many rows count no more.
SELECT count(*) AS total
FROM idempotency_keys
WHERE created_at <= :expired;

-- name: idempotency.any_expired
-- One row that counts no more, if there is any: what is asked before a transaction is begun for them.
SELECT 1 AS found
FROM idempotency_keys
WHERE created_at <= :expired
LIMIT 1;
