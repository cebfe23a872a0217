-- name: health.ping
-- The cheapest query that only a working database answers.
SELECT count(*) AS tables
FROM change_lock;

-- name: health.probe
-- Writes a page. Run with 1 and then with 2 in one transaction, it leaves the row as it was.
UPDATE audit_switch
SET enabled = (enabled + (SELECT CAST(sum(given) AS integer) FROM unnest(CAST(:by AS integer[])) AS given)) % 3;
