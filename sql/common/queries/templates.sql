-- name: templates.get
-- One template.
SELECT template_id, user_id, name, description, template_json, usage_count, created_at, updated_at
FROM investigation_templates
WHERE template_id = :template_id;

-- name: templates.names
-- The names of a user's templates.
SELECT template_id, name
FROM investigation_templates
WHERE user_id = :user_id;
