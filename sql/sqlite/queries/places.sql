-- How SQLite gives places in the order of changes: statements that change a state read the value in their own text.

-- name: places.next
-- Takes the next place in the order of all changes.
UPDATE change_sequence
SET value = value + 1;
