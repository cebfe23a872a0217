-- name: templates.insert
-- Inserts a template.
INSERT INTO investigation_templates (
    template_id, user_id, name, name_folded, description, description_folded, template_json, created_at, updated_at
)
SELECT given.template_id, given.user_id, given.name, given.name_folded, given.description, given.description_folded,
       given.template_json, CAST(given.created_at AS timestamptz), CAST(given.updated_at AS timestamptz)
FROM unnest(
    CAST(:template_id AS text[]), CAST(:user_id AS text[]), CAST(:name AS text[]), CAST(:name_folded AS text[]),
    CAST(:description AS text[]), CAST(:description_folded AS text[]), CAST(:template_json AS text[]),
    CAST(:created_at AS text[]), CAST(:updated_at AS text[])
) AS given (
    template_id, user_id, name, name_folded, description, description_folded, template_json, created_at, updated_at
);

-- name: templates.update
-- Replaces the content of a template; its usage count stays.
WITH written AS (
    UPDATE investigation_templates AS t
    SET name = given.name, name_folded = given.name_folded, description = given.description,
        description_folded = given.description_folded, template_json = given.template_json,
        updated_at = CAST(given.updated_at AS timestamptz)
    FROM unnest(
        CAST(:template_id AS text[]), CAST(:name AS text[]), CAST(:name_folded AS text[]), CAST(:description AS text[]),
        CAST(:description_folded AS text[]), CAST(:template_json AS text[]), CAST(:updated_at AS text[])
    ) AS given (template_id, name, name_folded, description, description_folded, template_json, updated_at)
    WHERE t.template_id = given.template_id
    RETURNING 1
)
SELECT CASE WHEN count(*) < cardinality(CAST(:template_id AS text[])) THEN CAST(
    'templates.update met ' || count(*) || ' of ' || cardinality(CAST(:template_id AS text[])) || ' rows' AS integer
) END
FROM written;

-- name: templates.count_use
-- Adds to the usage count of a template; concurrent additions all count.
UPDATE investigation_templates AS t
SET usage_count = t.usage_count + given.uses
FROM unnest(CAST(:template_id AS text[]), CAST(:uses AS integer[])) AS given (template_id, uses)
WHERE t.template_id = given.template_id;

-- name: templates.delete
-- Removes a template.
DELETE FROM investigation_templates
WHERE template_id = ANY (CAST(:template_id AS text[]));

-- name: templates.count
-- How many templates of a user match a filter.
SELECT count(*) AS total
FROM investigation_templates
WHERE user_id = :user_id
  AND (CAST(:contains AS text) IS NULL OR strpos(coalesce(name_folded, lower(name)), :contains) > 0
       OR strpos(coalesce(description_folded, lower(description), ''), :contains) > 0);

-- name: templates.list
-- One page of a user's templates, without those that were shown before; sorts all that match, and a user has few.
SELECT template_id, user_id, name, description, template_json, usage_count, created_at, updated_at
FROM investigation_templates
WHERE user_id = :user_id
  AND (CAST(:contains AS text) IS NULL OR strpos(coalesce(name_folded, lower(name)), :contains) > 0
       OR strpos(coalesce(description_folded, lower(description), ''), :contains) > 0)
  AND (CAST(:shown AS json) IS NULL
       OR template_id <> ALL (ARRAY(SELECT json_array_elements_text(CAST(:shown AS json)))))
ORDER BY CASE CAST(:sort AS text) WHEN 'name' THEN coalesce(name_folded, lower(name)) END,
         CASE :sort WHEN '-name' THEN coalesce(name_folded, lower(name)) END DESC,
         CASE :sort WHEN 'created_at' THEN created_at WHEN 'updated_at' THEN updated_at END,
         CASE :sort WHEN '-created_at' THEN created_at WHEN '-updated_at' THEN updated_at END DESC,
         CASE :sort WHEN 'usage_count' THEN usage_count WHEN '-usage_count' THEN -usage_count END,
         template_id
LIMIT :limit OFFSET :offset;

-- name: templates.before
-- The ids of the templates before a page.
SELECT template_id
FROM investigation_templates
WHERE user_id = :user_id
  AND (CAST(:contains AS text) IS NULL OR strpos(coalesce(name_folded, lower(name)), :contains) > 0
       OR strpos(coalesce(description_folded, lower(description), ''), :contains) > 0)
ORDER BY CASE CAST(:sort AS text) WHEN 'name' THEN coalesce(name_folded, lower(name)) END,
         CASE :sort WHEN '-name' THEN coalesce(name_folded, lower(name)) END DESC,
         CASE :sort WHEN 'created_at' THEN created_at WHEN 'updated_at' THEN updated_at END,
         CASE :sort WHEN '-created_at' THEN created_at WHEN '-updated_at' THEN updated_at END DESC,
         CASE :sort WHEN 'usage_count' THEN usage_count WHEN '-usage_count' THEN -usage_count END,
         template_id
LIMIT :offset;
