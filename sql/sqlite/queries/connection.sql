-- name: connection.wal
-- Readers and the writer do not wait for each other.
PRAGMA journal_mode = WAL;

-- name: connection.durable
-- A commit returns once it is on disk.
PRAGMA synchronous = FULL;

-- name: connection.foreign_keys
-- Foreign keys are enforced, per connection as SQLite has it.
PRAGMA foreign_keys = ON;

-- name: connection.wait_briefly
-- How long a statement waits for a lock, in milliseconds: whoever has more time tries again.
PRAGMA busy_timeout = 100;

-- name: connection.limit_log
-- To how many bytes the write-ahead log is cut when it begins anew: 4 MiB, what it reaches in ordinary times.
PRAGMA journal_size_limit = 4194304;

-- name: connection.checkpoint
-- Copies the write-ahead log into the database and makes it empty, unless somebody still reads an older state of it.
PRAGMA wal_checkpoint(TRUNCATE);

-- name: connection.data_version
-- A number that differs after another connection or process has committed.
PRAGMA data_version;

-- name: connection.begin
-- Takes the write lock now, so that the transaction cannot fail for it later.
BEGIN IMMEDIATE;

-- name: connection.commit
-- Returns when the transaction is on disk.
COMMIT;

-- name: connection.rollback
-- Gives the transaction up.
ROLLBACK;
