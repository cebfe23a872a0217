-- What the sessions of the operators' commands ask beside the statements that every engine has.

-- name: connection.patient
-- A session of the operators' commands: it waits for locks, and nobody ends it while it waits for its user.
SELECT set_config('lock_timeout', '0', FALSE), set_config('idle_in_transaction_session_timeout', '0', FALSE),
       set_config('default_transaction_read_only', CAST(:read_only AS text), FALSE);

-- name: connection.doing_now
-- The state of the session with the server's :pid, what it waits for, and the sessions whose locks it waits for.
SELECT state, wait_event,
       (SELECT string_agg(concat_ws(', ', holder.pid, nullif(holder.application_name, ''), holder.state), ' and ')
        FROM pg_stat_activity AS holder
        WHERE holder.pid = ANY (pg_blocking_pids(session.pid))) AS holders
FROM pg_stat_activity AS session
WHERE pid = CAST(:pid AS integer);

-- name: connection.lock_parents
-- Locks the investigations with the given ids in their order, so that no state is made for them.
SELECT id
FROM investigations
WHERE id = ANY (CAST(:ids AS text[]))
ORDER BY id
FOR NO KEY UPDATE;
