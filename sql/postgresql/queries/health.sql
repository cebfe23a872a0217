-- name: health.ping
-- The cheapest question that only a working database answers.
SELECT count(*) AS tables
FROM change_lock;

-- name: health.probe
-- Writes a page; run with 1 and then with 2 in one transaction it changes nothing.
UPDATE audit_switch
SET enabled = (enabled + (SELECT CAST(sum(given) AS integer) FROM unnest(CAST(:by AS integer[])) AS given)) % 3;
