-- What the sessions of the operators' commands ask beside the statements that every engine has.

-- name: connection.patient
-- A session of the operators' commands: it waits for locks, and nobody ends it while it waits for its user.
SELECT set_config('lock_timeout', '0', FALSE), set_config('idle_in_transaction_session_timeout', '0', FALSE),
       set_config('default_transaction_read_only', CAST(:read_only AS text), FALSE);

-- name: connection.lock_parents
-- Locks the investigations with the given ids in their order, so that no state is made for them.
SELECT id
FROM investigations
WHERE id = ANY (CAST(:ids AS text[]))
ORDER BY id
FOR NO KEY UPDATE;
