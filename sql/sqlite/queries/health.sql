-- name: health.ping
-- The cheapest question that only a working database answers.
SELECT count(*) AS tables FROM sqlite_master;

-- name: health.probe
-- Writes a page; run with 1 and then with 2 in one transaction it changes nothing.
UPDATE audit_switch
SET enabled = (enabled + :by) % 3;
