-- How SQLite gives places in the order of changes: `take` counts on, and statements that change a state read the value.

-- name: places.next
-- Takes the next place in the order of all changes.
UPDATE change_sequence
SET value = value + 1;
