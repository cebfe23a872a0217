-- Statements that read what the database looks like; wizard_server/storage/schema/comparing.py compares it with manifest.json.
-- SQLite's own tables (sqlite_%) are left out everywhere.

-- name: schema.tables
-- Every table's name.
SELECT m.name
FROM sqlite_master AS m
WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\'
ORDER BY m.name;

-- name: schema.columns
-- The columns of one table; `hidden` is 2 or 3 for a generated one, `pk` the position in the primary key from 1 or 0.
SELECT c.name, c.type, c."notnull", c.dflt_value, c.pk, c.hidden
FROM pragma_table_xinfo(:table) AS c
ORDER BY c.cid;

-- name: schema.indexes
-- The indexes of one table, a row for each column; `origin` is c (CREATE INDEX), u (UNIQUE) or pk (PRIMARY KEY).
SELECT i.name AS index_name, i."unique", i.origin, i.partial, x.name AS column_name, x.desc
FROM pragma_index_list(:table) AS i
JOIN pragma_index_xinfo(i.name) AS x
WHERE x.key = 1
ORDER BY i.name, x.seqno;

-- name: schema.foreign_keys
-- The foreign keys of one table, a row for each column; `to` is NULL when the key names no columns.
SELECT f.id, f."table" AS referenced_table, f."from" AS column_name, f."to" AS referenced_column, f.on_delete
FROM pragma_foreign_key_list(:table) AS f
ORDER BY f.id, f.seq;

-- name: schema.triggers
-- The names of the triggers of one table.
SELECT m.name
FROM sqlite_master AS m
WHERE m.type = 'trigger' AND m.tbl_name = :table
ORDER BY m.name;

-- name: schema.views
-- Every view's name, and the text that made it.
SELECT m.name, m.sql AS body
FROM sqlite_master AS m
WHERE m.type = 'view'
ORDER BY m.name;

-- name: schema.foreign_keys_enforced
-- Whether this connection enforces foreign keys: 1 or 0.
SELECT p.foreign_keys AS enforced
FROM pragma_foreign_keys AS p;
