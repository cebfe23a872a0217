-- How a connection of the server begins, and its transactions.

-- name: connection.settings
-- Settings of every session: timestamps in UTC and in one form, and a bounded wait for locks. JIT is off: without
-- statistics the planner compiles statements of 1 ms for 50 ms. A transaction that is idle for 5 s (its process was stopped)
-- is ended, so that others get its locks; so is one whose process cannot be reached, in the middle of a statement too.
SELECT set_config('TimeZone', 'UTC', FALSE), set_config('DateStyle', 'ISO, YMD', FALSE),
       set_config('default_transaction_isolation', 'read committed', FALSE),
       set_config('lock_timeout', '1s', FALSE), set_config('idle_in_transaction_session_timeout', '5s', FALSE),
       set_config('statement_timeout', '0', FALSE),
       set_config('tcp_keepalives_idle', '3', FALSE), set_config('tcp_keepalives_interval', '1', FALSE),
       set_config('tcp_keepalives_count', '3', FALSE), set_config('tcp_user_timeout', '6000', FALSE),
       set_config('jit', 'off', FALSE);

-- name: connection.begin
-- Begins a transaction.
BEGIN;

-- name: connection.commit
-- Commits; returns when the transaction is on disk.
COMMIT;

-- name: connection.rollback
-- Rolls the transaction back.
ROLLBACK;

-- name: connection.wait_at_most
-- How long this transaction waits for a lock, in milliseconds.
SELECT set_config('lock_timeout', CAST(:milliseconds AS text), TRUE);

-- name: connection.lock
-- Locks the states with the given ids in their order and says which versions they have.
SELECT investigation_id, version, last_entry
FROM investigation_states
WHERE investigation_id = ANY (CAST(:ids AS text[]))
ORDER BY investigation_id
FOR NO KEY UPDATE;

-- name: connection.lock_free
-- Locks those of the states with the given ids that are not locked; skips the others.
SELECT investigation_id, version, last_entry
FROM investigation_states
WHERE investigation_id = ANY (CAST(:ids AS text[]))
ORDER BY investigation_id
FOR NO KEY UPDATE SKIP LOCKED;

-- name: connection.name_owners
-- Inserts the rows on which the templates of users are locked, where they are absent.
INSERT INTO template_owners (user_id)
SELECT given.user_id
FROM unnest(CAST(:owners AS text[])) AS given (user_id)
WHERE NOT EXISTS (SELECT 1 FROM template_owners AS o WHERE o.user_id = given.user_id)
ON CONFLICT DO NOTHING;

-- name: connection.lock_owners
-- Locks the templates of users, in the order of their names: nobody else adds or renames one until the transaction ends.
SELECT user_id
FROM template_owners
WHERE user_id = ANY (CAST(:owners AS text[]))
ORDER BY user_id
FOR UPDATE;

-- name: connection.lock_owners_free
-- Locks the templates of those users that are not locked; skips the others.
SELECT user_id
FROM template_owners
WHERE user_id = ANY (CAST(:owners AS text[]))
ORDER BY user_id
FOR UPDATE SKIP LOCKED;

-- name: connection.known
-- Those of the given ids that have a state.
SELECT investigation_id
FROM investigation_states
WHERE investigation_id = ANY (CAST(:ids AS text[]));

-- name: connection.committed
-- One row if the given audit entry was committed; where no trail is written, if the state says so.
SELECT 1 AS found
FROM investigations AS i
WHERE i.id = :investigation_id AND (
    EXISTS (SELECT 1 FROM investigation_audit_log AS a WHERE a.entry_id = :entry_id)
    OR EXISTS (SELECT 1 FROM investigation_states AS s WHERE s.investigation_id = i.id AND s.last_entry = :entry_id)
);

-- name: connection.doing
-- The state of the session with the server's :pid, and what it waits for.
SELECT state, wait_event
FROM pg_stat_activity
WHERE pid = CAST(:pid AS integer);

-- name: connection.listen
-- Subscribes this connection to the hints that servers on this database send.
LISTEN wizard;

-- name: connection.notify
-- Sends all servers on this database the hint that :sender has committed something.
SELECT pg_notify('wizard', :sender);
