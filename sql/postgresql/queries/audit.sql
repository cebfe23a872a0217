-- The trail; `place` is the order of the entries of one investigation.

-- name: audit.insert
-- One entry of the trail.
INSERT INTO investigation_audit_log (
    entry_id, investigation_id, user_id, action_type, previous_state, new_state, source, timestamp, version, mutation_id,
    follows, name_before
)
SELECT given.entry_id, given.investigation_id, given.user_id, given.action_type, given.previous_state, given.new_state,
       given.source, CAST(given.timestamp AS timestamptz), given.version, given.mutation_id,
       coalesce(
           (SELECT nullif(i.version_seq, 0) FROM investigations AS i WHERE i.id = given.investigation_id),
           (SELECT floor FROM change_lock)
       ),
       (SELECT coalesce(s.name_folded, lower(s.name))
        FROM investigation_states AS s
        WHERE s.investigation_id = given.investigation_id)
FROM unnest(
    CAST(:entry_id AS text[]), CAST(:investigation_id AS text[]), CAST(:user_id AS text[]), CAST(:action_type AS text[]),
    CAST(:previous_state AS text[]), CAST(:new_state AS text[]), CAST(:source AS text[]), CAST(:timestamp AS text[]),
    CAST(:version AS bigint[]), CAST(:mutation_id AS text[])
) WITH ORDINALITY AS given (
    entry_id, investigation_id, user_id, action_type, previous_state, new_state, source, timestamp, version, mutation_id,
    number
)
ORDER BY given.number;

-- name: audit.count
-- How many entries of a trail match a filter.
SELECT count(*) AS total
FROM investigation_audit_log
WHERE investigation_id = :investigation_id
  AND (CAST(:action_type AS json) IS NULL
       OR action_type = ANY (ARRAY(SELECT json_array_elements_text(CAST(:action_type AS json)))))
  AND (CAST(:source AS json) IS NULL OR source = ANY (ARRAY(SELECT json_array_elements_text(CAST(:source AS json)))))
  AND (CAST(:since AS timestamptz) IS NULL OR timestamp >= :since)
  AND (CAST(:until AS timestamptz) IS NULL OR timestamp <= :until);

-- name: audit.list
-- One page of a trail, newest first. Rows are only appended, so the order of row ids is the order of commits.
SELECT entry_id, investigation_id, user_id, action_type, previous_state, new_state, source, timestamp, version, mutation_id
FROM investigation_audit_log
WHERE investigation_id = :investigation_id
  AND (CAST(:action_type AS json) IS NULL
       OR action_type = ANY (ARRAY(SELECT json_array_elements_text(CAST(:action_type AS json)))))
  AND (CAST(:source AS json) IS NULL OR source = ANY (ARRAY(SELECT json_array_elements_text(CAST(:source AS json)))))
  AND (CAST(:since AS timestamptz) IS NULL OR timestamp >= :since)
  AND (CAST(:until AS timestamptz) IS NULL OR timestamp <= :until)
  AND (CAST(:below AS bigint) IS NULL OR place < :below)
ORDER BY place DESC
LIMIT :limit OFFSET :offset;

-- name: audit.follows
-- The place of an entry in the order of all, if a later page of the filtered trail has an entry below it.
SELECT e.place
FROM investigation_audit_log AS e
WHERE e.entry_id = :entry_id AND EXISTS (
    SELECT 1
    FROM investigation_audit_log AS a
    WHERE a.investigation_id = :investigation_id AND a.place < e.place
      AND (CAST(:action_type AS json) IS NULL
           OR a.action_type = ANY (ARRAY(SELECT json_array_elements_text(CAST(:action_type AS json)))))
      AND (CAST(:source AS json) IS NULL OR a.source = ANY (ARRAY(SELECT json_array_elements_text(CAST(:source AS json)))))
      AND (CAST(:since AS timestamptz) IS NULL OR a.timestamp >= :since)
      AND (CAST(:until AS timestamptz) IS NULL OR a.timestamp <= :until)
);

-- name: audit.switch
-- Sets whether the triggers write to the trail; writes nothing where it is set already.
UPDATE audit_switch
SET enabled = given.enabled
FROM unnest(CAST(:enabled AS integer[])) AS given (enabled)
WHERE audit_switch.enabled <> given.enabled;
