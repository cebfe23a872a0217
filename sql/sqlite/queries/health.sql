-- name: health.ping
-- The cheapest query that only a working database answers.
SELECT count(*) AS tables FROM sqlite_master;

-- name: health.probe
-- Writes a page. Run with 1 and then with 2 in one transaction, it leaves the row as it was.
UPDATE audit_switch
SET enabled = (enabled + :by) % 3;
