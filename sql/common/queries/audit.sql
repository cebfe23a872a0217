-- name: audit.trail
-- The entries of a trail that are versions within bounds (both excluded), newest first.
SELECT entry_id, investigation_id, user_id, action_type, previous_state, new_state, source, timestamp, version, mutation_id
FROM investigation_audit_log
WHERE investigation_id = :investigation_id AND version > :down_to AND version < :below
ORDER BY version DESC
LIMIT :limit;

-- name: audit.after
-- The entries of a trail that are versions above the given one, oldest first.
SELECT entry_id, investigation_id, user_id, action_type, previous_state, new_state, source, timestamp, version, mutation_id
FROM investigation_audit_log
WHERE investigation_id = :investigation_id AND version > :version
ORDER BY version
LIMIT :limit;
