-- What an export asks before it begins.

-- name: backup.orphans
-- Rows whose parent is missing; none while the foreign keys are validated.
SELECT CAST(k.conrelid AS regclass) AS child, k.conname AS row, CAST(k.confrelid AS regclass) AS parent
FROM pg_constraint AS k
WHERE k.contype = 'f' AND NOT k.convalidated AND k.connamespace = to_regnamespace(quote_ident(current_schema()))
LIMIT :limit;
