-- The switch of the triggers, which `wizard-server purge` and `import` turn off while they move rows.

-- name: retention.switch_state
-- Whether the triggers and the server write to the trail: 1 or 0.
SELECT enabled
FROM audit_switch;

-- name: retention.switch
-- Turns the trail on (1) or off (0), for every writer after this transaction.
UPDATE audit_switch
SET enabled = :enabled;
