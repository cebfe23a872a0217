-- name: states.get
-- The state of an investigation, with the key of the request that made it and the highest version its trail knows.
SELECT s.investigation_id, s.user_id, s.wizard_step, s.settings_json, s.progress_json, s.results_json, s.status,
       s.created_at, s.updated_at, s.last_accessed, s.heard_at, s.version, s.updated_by, s.last_entry,
       s.wizard_step_version, s.status_version, s.settings_version, s.progress_version, s.results_version,
       (SELECT a.mutation_id FROM investigation_audit_log AS a
        WHERE a.investigation_id = s.investigation_id AND a.version = s.version) AS mutation_id,
       greatest(i.newest_version, (SELECT max(a.version) FROM investigation_audit_log AS a
                                   WHERE a.investigation_id = s.investigation_id)) AS newest_version
FROM investigation_states AS s JOIN investigations AS i ON i.id = s.investigation_id
WHERE s.investigation_id = :investigation_id;

-- name: states.insert
-- Inserts a state. Its audit entry was inserted before, so the triggers do nothing; its place was taken before.
INSERT INTO investigation_states (
    investigation_id, user_id, wizard_step, settings_json, progress_json, results_json, status, created_at,
    updated_at, version, wizard_step_version, status_version, settings_version, progress_version, results_version,
    updated_by, last_entry, name, name_folded, description, entity_count, started_at, overall_progress,
    current_phase, completed_at, overall_score, risk_level
)
SELECT
    given.investigation_id, given.user_id, given.wizard_step, given.settings_json, given.progress_json,
    given.results_json, given.status, CAST(given.created_at AS timestamptz), CAST(given.updated_at AS timestamptz),
    given.version, given.wizard_step_version, given.status_version, given.settings_version, given.progress_version,
    given.results_version, given.updated_by, given.last_entry, given.name, given.name_folded, given.description,
    given.entity_count, given.started_at, given.overall_progress, given.current_phase, given.completed_at,
    given.overall_score, given.risk_level
FROM unnest(
    CAST(:investigation_id AS text[]), CAST(:user_id AS text[]), CAST(:wizard_step AS text[]),
    CAST(:settings_json AS text[]), CAST(:progress_json AS text[]), CAST(:results_json AS text[]),
    CAST(:status AS text[]), CAST(:created_at AS text[]), CAST(:updated_at AS text[]), CAST(:version AS bigint[]),
    CAST(:wizard_step_version AS bigint[]), CAST(:status_version AS bigint[]), CAST(:settings_version AS bigint[]),
    CAST(:progress_version AS bigint[]), CAST(:results_version AS bigint[]), CAST(:updated_by AS text[]),
    CAST(:last_entry AS text[]), CAST(:name AS text[]), CAST(:name_folded AS text[]), CAST(:description AS text[]),
    CAST(:entity_count AS integer[]), CAST(:started_at AS text[]), CAST(:overall_progress AS float8[]),
    CAST(:current_phase AS text[]), CAST(:completed_at AS text[]), CAST(:overall_score AS float8[]),
    CAST(:risk_level AS text[])
) AS given (
    investigation_id, user_id, wizard_step, settings_json, progress_json, results_json, status, created_at,
    updated_at, version, wizard_step_version, status_version, settings_version, progress_version, results_version,
    updated_by, last_entry, name, name_folded, description, entity_count, started_at, overall_progress,
    current_phase, completed_at, overall_score, risk_level
);

-- name: states.update
-- Updates a state to its next version, if the row still has the version that the change is based on. Where one commit
-- deletes a state and creates it again, `last_accessed` is reset.
WITH met AS (
    UPDATE investigation_states AS s
    SET
        user_id = given.user_id, wizard_step = given.wizard_step, settings_json = given.settings_json,
        progress_json = given.progress_json, results_json = given.results_json, status = given.status,
        created_at = CAST(given.created_at AS timestamptz), updated_at = CAST(given.updated_at AS timestamptz),
        version = given.version, wizard_step_version = given.wizard_step_version,
        status_version = given.status_version, settings_version = given.settings_version,
        progress_version = given.progress_version, results_version = given.results_version,
        updated_by = given.updated_by, last_entry = given.last_entry, name = given.name,
        name_folded = given.name_folded, description = given.description, entity_count = given.entity_count,
        started_at = given.started_at, overall_progress = given.overall_progress,
        current_phase = given.current_phase, completed_at = given.completed_at, overall_score = given.overall_score,
        risk_level = given.risk_level,
        last_accessed = CASE WHEN s.created_at = CAST(given.created_at AS timestamptz) THEN s.last_accessed END
    FROM unnest(
        CAST(:investigation_id AS text[]), CAST(:user_id AS text[]), CAST(:wizard_step AS text[]),
        CAST(:settings_json AS text[]), CAST(:progress_json AS text[]), CAST(:results_json AS text[]),
        CAST(:status AS text[]), CAST(:created_at AS text[]), CAST(:updated_at AS text[]),
        CAST(:version AS bigint[]), CAST(:wizard_step_version AS bigint[]), CAST(:status_version AS bigint[]),
        CAST(:settings_version AS bigint[]), CAST(:progress_version AS bigint[]), CAST(:results_version AS bigint[]),
        CAST(:updated_by AS text[]), CAST(:last_entry AS text[]), CAST(:name AS text[]),
        CAST(:name_folded AS text[]), CAST(:description AS text[]), CAST(:entity_count AS integer[]),
        CAST(:started_at AS text[]), CAST(:overall_progress AS float8[]), CAST(:current_phase AS text[]),
        CAST(:completed_at AS text[]), CAST(:overall_score AS float8[]), CAST(:risk_level AS text[]),
        CAST(:base_version AS bigint[])
    ) AS given (
        investigation_id, user_id, wizard_step, settings_json, progress_json, results_json, status, created_at,
        updated_at, version, wizard_step_version, status_version, settings_version, progress_version,
        results_version, updated_by, last_entry, name, name_folded, description, entity_count, started_at,
        overall_progress, current_phase, completed_at, overall_score, risk_level, base_version
    )
    WHERE s.investigation_id = given.investigation_id AND s.version = given.base_version
    RETURNING 1
)
SELECT CASE WHEN count(*) < cardinality(CAST(:investigation_id AS text[])) THEN CAST(
    'states.update met ' || count(*) || ' of ' || cardinality(CAST(:investigation_id AS text[])) || ' rows' AS integer
) END
FROM met;

-- name: states.delete
-- Removes a state that still has the version that the deletion is based on.
WITH met AS (
    DELETE FROM investigation_states AS s
    USING unnest(CAST(:investigation_id AS text[]), CAST(:base_version AS bigint[]))
        AS given (investigation_id, base_version)
    WHERE s.investigation_id = given.investigation_id AND s.version = given.base_version
    RETURNING 1
)
SELECT CASE WHEN count(*) < cardinality(CAST(:investigation_id AS text[])) THEN CAST(
    'states.delete met ' || count(*) || ' of ' || cardinality(CAST(:investigation_id AS text[])) || ' rows' AS integer
) END
FROM met;

-- name: states.touch
-- Sets when a state was last read. That is no change of the state, so it makes no version.
UPDATE investigation_states AS s
SET last_accessed = greatest(s.last_accessed, CAST(given.last_accessed AS timestamptz))
FROM (
    SELECT known.investigation_id, asked.last_accessed
    FROM unnest(CAST(:investigation_id AS text[]), CAST(:last_accessed AS text[]))
        AS asked (investigation_id, last_accessed)
    JOIN investigation_states AS known ON known.investigation_id = asked.investigation_id
    ORDER BY known.investigation_id
    FOR NO KEY UPDATE OF known SKIP LOCKED
) AS given
WHERE s.investigation_id = given.investigation_id;

-- name: states.heard
-- Sets when the agents last reported without a change. That is no change of the state, so it makes no version.
UPDATE investigation_states AS s
SET heard_at = CAST(given.heard_at AS timestamptz)
FROM (
    SELECT known.investigation_id, asked.heard_at
    FROM unnest(CAST(:investigation_id AS text[]), CAST(:heard_at AS text[])) AS asked (investigation_id, heard_at)
    JOIN investigation_states AS known ON known.investigation_id = asked.investigation_id
    ORDER BY known.investigation_id
    FOR NO KEY UPDATE OF known SKIP LOCKED
) AS given
WHERE s.investigation_id = given.investigation_id
  AND (s.heard_at IS NULL OR s.heard_at < CAST(given.heard_at AS timestamptz));

-- name: states.revive
-- The same for a state that was stalled. It takes a place in the order of changes, so that dashboards show it as running.
WITH met AS (
    UPDATE investigation_states AS s
    SET heard_at = CAST(given.heard_at AS timestamptz)
    FROM unnest(CAST(:investigation_id AS text[]), CAST(:version AS bigint[]), CAST(:heard_at AS text[]))
        AS given (investigation_id, version, heard_at)
    WHERE s.investigation_id = given.investigation_id AND s.version = given.version
    RETURNING 1
)
SELECT CASE WHEN count(*) < cardinality(CAST(:investigation_id AS text[])) THEN CAST(
    'states.revive met ' || count(*) || ' of ' || cardinality(CAST(:investigation_id AS text[])) || ' rows' AS integer
) END
FROM met;

-- name: states.versions
-- The versions of the states with the given ids (a JSON array of texts), and `heard_at`, which changes without a version.
SELECT investigation_id, version, created_at, updated_at, heard_at
FROM investigation_states
WHERE investigation_id = ANY (ARRAY(SELECT json_array_elements_text(CAST(:investigation_ids AS json))));

-- name: states.count
-- How many states of a user match a filter.
SELECT count(*) AS total
FROM investigation_states AS s
WHERE s.user_id = :user_id
  AND (CAST(:status AS json) IS NULL OR s.status = ANY (ARRAY(SELECT json_array_elements_text(CAST(:status AS json)))))
  AND (CAST(:wizard_step AS json) IS NULL
       OR s.wizard_step = ANY (ARRAY(SELECT json_array_elements_text(CAST(:wizard_step AS json)))))
  AND (CAST(:updated_since AS timestamptz) IS NULL OR s.updated_at >= :updated_since)
  AND (CAST(:name_contains AS text) IS NULL OR strpos(coalesce(s.name_folded, lower(s.name)), :name_contains) > 0);

-- name: states.list_newest
-- One page of a user's states, the last changed first: the order of an index, so that a page costs a page.
SELECT s.*, wizard_instant(s.updated_at) AS place, newest.place AS sequence, newest.place AS trail
FROM listed_states AS s CROSS JOIN newest_change AS newest
WHERE s.user_id = :user_id
  AND (CAST(:status AS json) IS NULL OR s.status = ANY (ARRAY(SELECT json_array_elements_text(CAST(:status AS json)))))
  AND (CAST(:wizard_step AS json) IS NULL
       OR s.wizard_step = ANY (ARRAY(SELECT json_array_elements_text(CAST(:wizard_step AS json)))))
  AND (CAST(:updated_since AS timestamptz) IS NULL OR s.updated_at >= :updated_since)
  AND (CAST(:name_contains AS text) IS NULL OR strpos(coalesce(s.name_folded, lower(s.name)), :name_contains) > 0)
ORDER BY s.updated_at DESC, s.investigation_id
LIMIT :limit OFFSET :offset;

-- name: states.list_sorted
-- One page of a user's states in any other order; sorts all that match, and reads only those of the page whole.
SELECT s.*, p.place, newest.place AS sequence, newest.place AS trail
FROM (
    SELECT sorted.investigation_id, sorted.place
    FROM (
        SELECT s.investigation_id,
               CASE ltrim(:sort, '-') WHEN 'updated_at' THEN wizard_instant(s.updated_at)
                                      WHEN 'created_at' THEN wizard_instant(s.created_at)
                                      ELSE coalesce(s.name_folded, lower(s.name), '') END COLLATE "C" AS place
        FROM investigation_states AS s
        WHERE s.user_id = :user_id
          AND (CAST(:status AS json) IS NULL OR s.status = ANY (ARRAY(SELECT json_array_elements_text(CAST(:status AS json)))))
          AND (CAST(:wizard_step AS json) IS NULL
               OR s.wizard_step = ANY (ARRAY(SELECT json_array_elements_text(CAST(:wizard_step AS json)))))
          AND (CAST(:updated_since AS timestamptz) IS NULL OR s.updated_at >= :updated_since)
          AND (CAST(:name_contains AS text) IS NULL OR strpos(coalesce(s.name_folded, lower(s.name)), :name_contains) > 0)
    ) AS sorted
    ORDER BY CASE WHEN :sort NOT LIKE '-%' THEN sorted.place END, CASE WHEN :sort LIKE '-%' THEN sorted.place END DESC,
             sorted.investigation_id
    LIMIT :limit OFFSET :offset
) AS p JOIN listed_states AS s ON s.investigation_id = p.investigation_id
CROSS JOIN newest_change AS newest
ORDER BY CASE WHEN :sort NOT LIKE '-%' THEN p.place END, CASE WHEN :sort LIKE '-%' THEN p.place END DESC,
         s.investigation_id;

-- name: states.list_newest_after
-- The page after a row, the last changed first, as `states.list_after` defines it. States that have not changed since the
-- first page come in the order of an index; the few that have are merged in.
SELECT s.*, wizard_instant(p.place) AS place
FROM (
    SELECT found.investigation_id, found.place
    FROM (
        (
            SELECT s.investigation_id, s.updated_at AS place
            FROM investigation_states AS s JOIN investigations AS i ON i.id = s.investigation_id
            WHERE s.user_id = :user_id AND i.change_seq <= :sequence
              AND s.updated_at <= CAST(:value AS timestamptz) AND (s.updated_at < :value OR s.investigation_id > :key)
              AND (CAST(:status AS json) IS NULL OR s.status = ANY (ARRAY(SELECT json_array_elements_text(CAST(:status AS json)))))
              AND (CAST(:wizard_step AS json) IS NULL
                   OR s.wizard_step = ANY (ARRAY(SELECT json_array_elements_text(CAST(:wizard_step AS json)))))
              AND (CAST(:updated_since AS timestamptz) IS NULL OR s.updated_at >= :updated_since)
              AND (CAST(:name_contains AS text) IS NULL OR strpos(coalesce(s.name_folded, lower(s.name)), :name_contains) > 0)
            ORDER BY s.updated_at DESC, s.investigation_id
            LIMIT :limit
        )
        UNION ALL
        SELECT changed.investigation_id, changed.place
        FROM (
            SELECT s.investigation_id,
                   coalesce((
                       SELECT a.timestamp
                       FROM investigation_audit_log AS a
                       WHERE a.investigation_id = s.investigation_id AND a.follows < later.follows
                         AND a.version IS NOT NULL
                       ORDER BY a.place DESC
                       LIMIT 1
                   ), s.updated_at) AS place
            FROM investigations AS i JOIN investigation_states AS s ON s.investigation_id = i.id
            LEFT JOIN LATERAL (
                SELECT a.follows
                FROM investigation_audit_log AS a
                WHERE a.investigation_id = s.investigation_id AND a.version IS NOT NULL AND a.follows <= :trail
                ORDER BY a.place DESC
                LIMIT 1
            ) AS later ON i.version_seq > :sequence
            WHERE i.user_id = :user_id AND i.change_seq > :sequence
              AND (CAST(:status AS json) IS NULL OR s.status = ANY (ARRAY(SELECT json_array_elements_text(CAST(:status AS json)))))
              AND (CAST(:wizard_step AS json) IS NULL
                   OR s.wizard_step = ANY (ARRAY(SELECT json_array_elements_text(CAST(:wizard_step AS json)))))
              AND (CAST(:updated_since AS timestamptz) IS NULL OR s.updated_at >= :updated_since)
              AND (CAST(:name_contains AS text) IS NULL OR strpos(coalesce(s.name_folded, lower(s.name)), :name_contains) > 0)
        ) AS changed
        WHERE changed.place < :value OR (changed.place = :value AND changed.investigation_id > :key)
    ) AS found
    ORDER BY found.place DESC, found.investigation_id
    LIMIT :limit
) AS p JOIN listed_states AS s ON s.investigation_id = p.investigation_id
ORDER BY p.place DESC, s.investigation_id;

-- name: states.list_after
-- The page after a row in any order, as the order was at the first page. A state that changed since (above :sequence in
-- the order of changes) keeps the place that its trail up to :trail gives it; else pages would show it twice, or never.
SELECT s.*, p.place
FROM (
    SELECT found.investigation_id, found.place
    FROM (
        SELECT s.investigation_id,
               CASE
                   WHEN :sort IN ('created_at', '-created_at') THEN wizard_instant(s.created_at)
                   WHEN :sort IN ('name', '-name') THEN coalesce(
                       CASE WHEN i.version_seq > :sequence THEN (
                           SELECT coalesce(a.name_before, lower(coalesce(
                               CAST(a.previous_state AS json) #>> '{settings,name}',
                               CAST(a.previous_state AS json) #>> '{settings,1,name}',
                               ''
                           )))
                           FROM investigation_audit_log AS a
                           WHERE a.investigation_id = s.investigation_id AND a.follows >= later.follows
                             AND a.version IS NOT NULL
                             AND (json_typeof(CAST(a.previous_state AS json) -> 'settings') = 'null'
                                  OR CAST(a.previous_state AS json) #> '{settings,name}' IS NOT NULL
                                  OR CAST(a.previous_state AS json) #> '{settings,1,name}' IS NOT NULL)
                           ORDER BY a.place
                           LIMIT 1
                       ) END,
                       s.name_folded, lower(s.name), ''
                   )
                   ELSE wizard_instant(coalesce(
                       CASE WHEN i.version_seq > :sequence THEN (
                           SELECT a.timestamp
                           FROM investigation_audit_log AS a
                           WHERE a.investigation_id = s.investigation_id AND a.follows < later.follows
                             AND a.version IS NOT NULL
                           ORDER BY a.place DESC
                           LIMIT 1
                       ) END,
                       s.updated_at
                   ))
               END COLLATE "C" AS place
        FROM investigation_states AS s JOIN investigations AS i ON i.id = s.investigation_id
        LEFT JOIN LATERAL (
            SELECT a.follows
            FROM investigation_audit_log AS a
            WHERE a.investigation_id = s.investigation_id AND a.version IS NOT NULL AND a.follows <= :trail
            ORDER BY a.place DESC
            LIMIT 1
        ) AS later ON i.version_seq > :sequence
        WHERE s.user_id = :user_id
          AND (CAST(:status AS json) IS NULL OR s.status = ANY (ARRAY(SELECT json_array_elements_text(CAST(:status AS json)))))
          AND (CAST(:wizard_step AS json) IS NULL
               OR s.wizard_step = ANY (ARRAY(SELECT json_array_elements_text(CAST(:wizard_step AS json)))))
          AND (CAST(:updated_since AS timestamptz) IS NULL OR s.updated_at >= :updated_since)
          AND (CAST(:name_contains AS text) IS NULL OR strpos(coalesce(s.name_folded, lower(s.name)), :name_contains) > 0)
    ) AS found
    WHERE (found.place = :value AND found.investigation_id > :key)
       OR CASE WHEN :sort LIKE '-%' THEN found.place < :value ELSE found.place > :value END
    ORDER BY CASE WHEN :sort NOT LIKE '-%' THEN found.place END, CASE WHEN :sort LIKE '-%' THEN found.place END DESC,
             found.investigation_id
    LIMIT :limit
) AS p JOIN listed_states AS s ON s.investigation_id = p.investigation_id
ORDER BY CASE WHEN :sort NOT LIKE '-%' THEN p.place END, CASE WHEN :sort LIKE '-%' THEN p.place END DESC,
         s.investigation_id;
