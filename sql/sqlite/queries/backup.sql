-- What `wizard-server backup` asks of the copy.

-- name: backup.single_file
-- Makes the copy one file without companions, which also opens where nothing can be written.
PRAGMA journal_mode = DELETE;

-- name: backup.integrity
-- What is damaged; one row, `ok`, when nothing is.
SELECT c.integrity_check AS finding
FROM pragma_integrity_check(:limit) AS c;

-- name: backup.orphans
-- Rows that refer to a parent that is not there.
SELECT f."table" AS child, f."rowid" AS row, f.parent
FROM pragma_foreign_key_check AS f
LIMIT :limit;
