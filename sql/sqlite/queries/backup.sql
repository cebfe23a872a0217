-- What `wizard-server backup` asks of the copy.

-- name: backup.single_file
-- Makes the copy one file without companions, which also opens where nothing can be written.
PRAGMA journal_mode = DELETE;

-- name: backup.integrity
-- The damage, a row each; one row, `ok`, when there is none.
SELECT c.integrity_check AS finding
FROM pragma_integrity_check(:limit) AS c;

-- name: backup.orphans
-- Rows whose parent is missing.
SELECT f."table" AS child, f."rowid" AS row, f.parent
FROM pragma_foreign_key_check AS f
LIMIT :limit;
