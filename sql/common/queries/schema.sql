-- name: schema.ledger
-- The scripts that were applied, and when (ISO 8601, UTC, milliseconds).
SELECT s.version, s.name, s.applied_at
FROM schema_migrations AS s
ORDER BY s.version;
