-- name: audit.insert
-- One entry of the trail.
INSERT INTO investigation_audit_log (
    entry_id, investigation_id, user_id, action_type, previous_state, new_state, source, timestamp, version, mutation_id
) VALUES (
    :entry_id, :investigation_id, :user_id, :action_type, :previous_state, :new_state, :source, :timestamp, :version,
    :mutation_id
);

-- name: audit.count
-- How many entries of a trail match a filter.
SELECT count(*) AS total
FROM investigation_audit_log
WHERE investigation_id = :investigation_id
  AND (:action_type IS NULL OR action_type IN (SELECT value FROM json_each(:action_type)))
  AND (:source IS NULL OR source IN (SELECT value FROM json_each(:source)))
  AND (:since IS NULL OR timestamp >= :since)
  AND (:until IS NULL OR timestamp <= :until);

-- name: audit.list
-- One page of a trail, newest first. Rows are only appended, so the order of row ids is the order of commits.
SELECT entry_id, investigation_id, user_id, action_type, previous_state, new_state, source, timestamp, version, mutation_id
FROM investigation_audit_log INDEXED BY idx_audit_log_investigation
WHERE investigation_id = :investigation_id
  AND (:action_type IS NULL OR action_type IN (SELECT value FROM json_each(:action_type)))
  AND (:source IS NULL OR source IN (SELECT value FROM json_each(:source)))
  AND (:since IS NULL OR timestamp >= :since)
  AND (:until IS NULL OR timestamp <= :until)
  AND (:below IS NULL OR rowid < :below)
ORDER BY rowid DESC
LIMIT :limit OFFSET :offset;

-- name: audit.follows
-- The place of an entry in the order of all, if a later page of the filtered trail has an entry below it.
SELECT e.rowid AS place
FROM investigation_audit_log AS e
WHERE e.entry_id = :entry_id AND EXISTS (
    SELECT 1
    FROM investigation_audit_log AS a INDEXED BY idx_audit_log_investigation
    WHERE a.investigation_id = :investigation_id AND a.rowid < e.rowid
      AND (:action_type IS NULL OR a.action_type IN (SELECT value FROM json_each(:action_type)))
      AND (:source IS NULL OR a.source IN (SELECT value FROM json_each(:source)))
      AND (:since IS NULL OR a.timestamp >= :since)
      AND (:until IS NULL OR a.timestamp <= :until)
);

-- name: audit.switch
-- Sets whether the triggers write to the trail; writes nothing where it is set already.
UPDATE audit_switch
SET enabled = :enabled
WHERE enabled <> :enabled;
