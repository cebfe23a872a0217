-- name: states.get
-- The state of an investigation, with the key of the request that made it and the highest version its trail knows.
SELECT s.investigation_id, s.user_id, s.wizard_step, s.settings_json, s.progress_json, s.results_json, s.status,
       s.created_at, s.updated_at, s.last_accessed, s.heard_at, s.version, s.updated_by,
       s.wizard_step_version, s.status_version, s.settings_version, s.progress_version, s.results_version,
       (SELECT a.mutation_id FROM investigation_audit_log a
        WHERE a.investigation_id = s.investigation_id AND a.version = s.version) AS mutation_id,
       max(i.newest_version, coalesce((SELECT max(a.version) FROM investigation_audit_log a
                                       WHERE a.investigation_id = s.investigation_id), 0)) AS newest_version
FROM investigation_states s JOIN investigations i ON i.id = s.investigation_id
WHERE s.investigation_id = :investigation_id;

-- name: states.insert
-- Inserts a state. Its audit entry was inserted before, so the triggers do nothing; its place was taken before.
INSERT INTO investigation_states (
    investigation_id, user_id, wizard_step, settings_json, progress_json, results_json, status, created_at, updated_at,
    version, wizard_step_version, status_version, settings_version, progress_version, results_version, updated_by,
    change_seq
) VALUES (
    :investigation_id, :user_id, :wizard_step, :settings_json, :progress_json, :results_json, :status, :created_at,
    :updated_at, :version, :wizard_step_version, :status_version, :settings_version, :progress_version,
    :results_version, :updated_by, (SELECT value FROM change_sequence)
);

-- name: states.update
-- Updates a state to its next version, if the row still has the version that the change is based on. Where one commit
-- deletes a state and creates it again, `last_accessed` is reset.
UPDATE investigation_states
SET user_id = :user_id, created_at = :created_at, wizard_step = :wizard_step,
    settings_json = :settings_json, progress_json = :progress_json, results_json = :results_json, status = :status, updated_at = :updated_at, version = :version,
    wizard_step_version = :wizard_step_version, status_version = :status_version,
    settings_version = :settings_version, progress_version = :progress_version, results_version = :results_version,
    updated_by = :updated_by, change_seq = (SELECT value FROM change_sequence),
    last_accessed = CASE WHEN created_at = :created_at THEN last_accessed END
WHERE investigation_id = :investigation_id AND version = :base_version;

-- name: states.delete
-- Removes a state that still has the version that the deletion is based on.
DELETE FROM investigation_states
WHERE investigation_id = :investigation_id AND version = :base_version;

-- name: states.touch
-- Sets when a state was last read. That is no change of the state, so it makes no version.
UPDATE investigation_states
SET last_accessed = :last_accessed
WHERE investigation_id = :investigation_id;

-- name: states.heard
-- Sets when the agents last reported without a change. That is no change of the state, so it makes no version.
UPDATE investigation_states
SET heard_at = :heard_at
WHERE investigation_id = :investigation_id AND (heard_at IS NULL OR heard_at < :heard_at);

-- name: states.revive
-- The same for a state that was stalled. It takes a place in the order of changes, so that dashboards show it as running.
UPDATE investigation_states
SET heard_at = :heard_at, change_seq = (SELECT value FROM change_sequence)
WHERE investigation_id = :investigation_id AND version = :version;

-- name: states.versions
-- The versions of the states with the given ids (a JSON array of texts), and `heard_at`, which changes without a version.
SELECT investigation_id, version, created_at, updated_at, heard_at
FROM investigation_states
WHERE investigation_id IN (SELECT value FROM json_each(:investigation_ids));

-- name: states.count
-- How many states of a user match a filter.
SELECT count(*) AS total
FROM investigation_states
WHERE user_id = :user_id
  AND (:status IS NULL OR status IN (SELECT value FROM json_each(:status)))
  AND (:wizard_step IS NULL OR wizard_step IN (SELECT value FROM json_each(:wizard_step)))
  AND (:updated_since IS NULL OR updated_at >= :updated_since)
  AND (:name_contains IS NULL OR instr(casefold(CAST(name AS BLOB)), :name_contains) > 0);

-- name: states.list_newest
-- One page of a user's states, the last changed first: the order of an index, so that a page costs a page.
SELECT *, CAST(updated_at AS TEXT) AS place,
       (SELECT value FROM change_sequence) AS sequence,
       (SELECT coalesce(max(rowid), 0) FROM investigation_audit_log) AS trail
FROM listed_states
WHERE user_id = :user_id
  AND (:status IS NULL OR status IN (SELECT value FROM json_each(:status)))
  AND (:wizard_step IS NULL OR wizard_step IN (SELECT value FROM json_each(:wizard_step)))
  AND (:updated_since IS NULL OR updated_at >= :updated_since)
  AND (:name_contains IS NULL OR instr(casefold(CAST(name AS BLOB)), :name_contains) > 0)
ORDER BY updated_at DESC, investigation_id
LIMIT :limit OFFSET :offset;

-- name: states.list_sorted
-- One page of a user's states in any other order; sorts all that match, and reads only those of the page whole.
SELECT s.*, CAST(p.place AS TEXT) AS place,
       (SELECT value FROM change_sequence) AS sequence,
       (SELECT coalesce(max(rowid), 0) FROM investigation_audit_log) AS trail
FROM (
    SELECT row, place
    FROM (
        SELECT rowid AS row, investigation_id,
               CASE ltrim(:sort, '-') WHEN 'updated_at' THEN updated_at WHEN 'created_at' THEN created_at
                                      ELSE coalesce(casefold(CAST(name AS BLOB)), '') END AS place
        FROM investigation_states
        WHERE user_id = :user_id
          AND (:status IS NULL OR status IN (SELECT value FROM json_each(:status)))
          AND (:wizard_step IS NULL OR wizard_step IN (SELECT value FROM json_each(:wizard_step)))
          AND (:updated_since IS NULL OR updated_at >= :updated_since)
          AND (:name_contains IS NULL OR instr(casefold(CAST(name AS BLOB)), :name_contains) > 0)
    )
    ORDER BY CASE WHEN :sort NOT LIKE '-%' THEN place END, CASE WHEN :sort LIKE '-%' THEN place END DESC,
             investigation_id
    LIMIT :limit OFFSET :offset
) AS p JOIN listed_states AS s ON s.row = p.row
ORDER BY CASE WHEN :sort NOT LIKE '-%' THEN p.place END, CASE WHEN :sort LIKE '-%' THEN p.place END DESC,
         s.investigation_id;

-- name: states.list_newest_after
-- The page after a row, the last changed first, as `states.list_after` defines it. States that have not changed since the
-- first page come in the order of an index; the few that have are merged in.
SELECT s.*, CAST(p.place AS TEXT) AS place
FROM (
    SELECT row, place
    FROM (
        SELECT row, investigation_id, place
        FROM (
            SELECT rowid AS row, investigation_id, updated_at AS place
            FROM investigation_states INDEXED BY idx_investigation_states_user_updated
            WHERE user_id = :user_id AND change_seq <= :sequence
              AND updated_at <= :value AND (updated_at < :value OR investigation_id > :key)
              AND (:status IS NULL OR status IN (SELECT value FROM json_each(:status)))
              AND (:wizard_step IS NULL OR wizard_step IN (SELECT value FROM json_each(:wizard_step)))
              AND (:updated_since IS NULL OR updated_at >= :updated_since)
              AND (:name_contains IS NULL OR instr(casefold(CAST(name AS BLOB)), :name_contains) > 0)
            ORDER BY updated_at DESC, investigation_id
            LIMIT :limit
        )
        UNION ALL
        SELECT row, investigation_id, place
        FROM (
            SELECT rowid AS row, investigation_id,
                   coalesce((
                       SELECT a.timestamp
                       FROM investigation_audit_log AS a
                       WHERE a.investigation_id = investigation_states.investigation_id AND a.rowid <= :trail
                         AND a.version IS NOT NULL
                       ORDER BY a.rowid DESC
                       LIMIT 1
                   ), updated_at) AS place
            FROM investigation_states INDEXED BY idx_investigation_states_user_change
            WHERE user_id = :user_id AND change_seq > :sequence
              AND (:status IS NULL OR status IN (SELECT value FROM json_each(:status)))
              AND (:wizard_step IS NULL OR wizard_step IN (SELECT value FROM json_each(:wizard_step)))
              AND (:updated_since IS NULL OR updated_at >= :updated_since)
              AND (:name_contains IS NULL OR instr(casefold(CAST(name AS BLOB)), :name_contains) > 0)
        )
        WHERE place < :value OR (place = :value AND investigation_id > :key)
    )
    ORDER BY place DESC, investigation_id
    LIMIT :limit
) AS p JOIN listed_states AS s ON s.row = p.row
ORDER BY p.place DESC, s.investigation_id;

-- name: states.list_after
-- The page after a row in any order, as the order was at the first page. A state that changed since (above :sequence in
-- the order of changes) keeps the place that its trail up to :trail gives it; else pages would show it twice, or never.
SELECT s.*, CAST(p.place AS TEXT) AS place
FROM (
    SELECT row, place
    FROM (
        SELECT rowid AS row, investigation_id,
               CASE
                   WHEN :sort IN ('created_at', '-created_at') THEN created_at
                   WHEN :sort IN ('name', '-name') THEN coalesce(casefold(CAST(coalesce(
                       CASE WHEN change_seq > :sequence THEN (
                           SELECT coalesce(
                               json_extract(a.previous_state, '$.settings.name'),
                               json_extract(a.previous_state, '$.settings[1].name'),
                               ''
                           )
                           FROM investigation_audit_log AS a
                           WHERE a.investigation_id = investigation_states.investigation_id AND a.rowid > :trail
                             AND a.version IS NOT NULL AND json_valid(a.previous_state)
                             AND (json_type(a.previous_state, '$.settings') = 'null'
                                  OR json_type(a.previous_state, '$.settings.name') IS NOT NULL
                                  OR json_type(a.previous_state, '$.settings[1].name') IS NOT NULL)
                           ORDER BY a.rowid
                           LIMIT 1
                       ) END,
                       name
                   ) AS BLOB)), '')
                   ELSE coalesce(
                       CASE WHEN change_seq > :sequence THEN (
                           SELECT a.timestamp
                           FROM investigation_audit_log AS a
                           WHERE a.investigation_id = investigation_states.investigation_id AND a.rowid <= :trail
                             AND a.version IS NOT NULL
                           ORDER BY a.rowid DESC
                           LIMIT 1
                       ) END,
                       updated_at
                   )
               END AS place
        FROM investigation_states
        WHERE user_id = :user_id
          AND (:status IS NULL OR status IN (SELECT value FROM json_each(:status)))
          AND (:wizard_step IS NULL OR wizard_step IN (SELECT value FROM json_each(:wizard_step)))
          AND (:updated_since IS NULL OR updated_at >= :updated_since)
          AND (:name_contains IS NULL OR instr(casefold(CAST(name AS BLOB)), :name_contains) > 0)
    )
    WHERE (place = :value AND investigation_id > :key)
       OR CASE WHEN :sort LIKE '-%' THEN place < :value ELSE place > :value END
    ORDER BY CASE WHEN :sort NOT LIKE '-%' THEN place END, CASE WHEN :sort LIKE '-%' THEN place END DESC,
             investigation_id
    LIMIT :limit
) AS p JOIN listed_states AS s ON s.row = p.row
ORDER BY CASE WHEN :sort NOT LIKE '-%' THEN p.place END, CASE WHEN :sort LIKE '-%' THEN p.place END DESC,
         s.investigation_id;
