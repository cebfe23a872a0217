-- The switch that `wizard-server purge` and `import` turn while they move rows as they are.

-- name: retention.switch_state
-- Whether triggers and server write to the trail: 1 or 0.
SELECT enabled
FROM audit_switch;

-- name: retention.switch
-- Turns the trail on (1) or off (0), for whoever writes from this transaction on.
UPDATE audit_switch
SET enabled = :enabled;
