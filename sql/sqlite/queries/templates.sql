-- name: templates.insert
-- Inserts a template.
INSERT INTO investigation_templates (template_id, user_id, name, description, template_json, created_at, updated_at)
VALUES (:template_id, :user_id, :name, :description, :template_json, :created_at, :updated_at);

-- name: templates.update
-- Replaces the content of a template; its usage count stays.
UPDATE investigation_templates
SET name = :name, description = :description, template_json = :template_json, updated_at = :updated_at
WHERE template_id = :template_id;

-- name: templates.count_use
-- Adds to the usage count of a template; concurrent additions all count.
UPDATE investigation_templates
SET usage_count = usage_count + :uses
WHERE template_id = :template_id;

-- name: templates.delete
-- Removes a template.
DELETE FROM investigation_templates
WHERE template_id = :template_id;

-- name: templates.count
-- How many templates of a user match a filter.
SELECT count(*) AS total
FROM investigation_templates
WHERE user_id = :user_id
  AND (:contains IS NULL OR instr(casefold(CAST(name AS BLOB)), :contains) > 0
       OR instr(casefold(CAST(coalesce(description, '') AS BLOB)), :contains) > 0);

-- name: templates.list
-- One page of a user's templates, without those that were shown before; sorts all that match, and a user has few.
SELECT template_id, user_id, name, description, template_json, usage_count, created_at, updated_at
FROM investigation_templates
WHERE user_id = :user_id
  AND (:contains IS NULL OR instr(casefold(CAST(name AS BLOB)), :contains) > 0
       OR instr(casefold(CAST(coalesce(description, '') AS BLOB)), :contains) > 0)
  AND (:shown IS NULL OR template_id NOT IN (SELECT value FROM json_each(:shown)))
ORDER BY CASE :sort WHEN 'name' THEN casefold(CAST(name AS BLOB)) WHEN 'created_at' THEN created_at WHEN 'updated_at' THEN updated_at
                    WHEN 'usage_count' THEN usage_count END,
         CASE :sort WHEN '-name' THEN casefold(CAST(name AS BLOB)) WHEN '-created_at' THEN created_at
                    WHEN '-updated_at' THEN updated_at WHEN '-usage_count' THEN usage_count END DESC,
         template_id
LIMIT :limit OFFSET :offset;

-- name: templates.before
-- The ids of the templates before a page.
SELECT template_id
FROM investigation_templates
WHERE user_id = :user_id
  AND (:contains IS NULL OR instr(casefold(CAST(name AS BLOB)), :contains) > 0
       OR instr(casefold(CAST(coalesce(description, '') AS BLOB)), :contains) > 0)
ORDER BY CASE :sort WHEN 'name' THEN casefold(CAST(name AS BLOB)) WHEN 'created_at' THEN created_at WHEN 'updated_at' THEN updated_at
                    WHEN 'usage_count' THEN usage_count END,
         CASE :sort WHEN '-name' THEN casefold(CAST(name AS BLOB)) WHEN '-created_at' THEN created_at
                    WHEN '-updated_at' THEN updated_at WHEN '-usage_count' THEN usage_count END DESC,
         template_id
LIMIT :offset;
