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
-- The size to which the write-ahead log is truncated when it is reset: 4 MiB, what it reaches in normal operation.
PRAGMA journal_size_limit = 4194304;

-- name: connection.checkpoint
-- Copies the write-ahead log into the database and truncates it, unless a reader still uses it.
PRAGMA wal_checkpoint(TRUNCATE);

-- name: connection.data_version
-- A number that changes when another connection or process commits.
PRAGMA data_version;

-- name: connection.begin
-- Begins a transaction with the write lock, so that it cannot fail later for want of it.
BEGIN IMMEDIATE;

-- name: connection.commit
-- Commits; returns when the transaction is on disk.
COMMIT;

-- name: connection.rollback
-- Rolls the transaction back.
ROLLBACK;
