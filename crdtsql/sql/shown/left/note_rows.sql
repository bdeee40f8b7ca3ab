INSERT INTO temp._crdt_dirty (tbl, ${keys})
-- Rows whose own value gets another number.
SELECT ${table_id}, ${key_columns}
FROM ${table} AS target
WHERE target.${column} IN (SELECT old FROM temp._crdt_moved)
  AND EXISTS (SELECT 1 FROM temp._crdt_moved AS moved WHERE moved.old = target.${column} AND ${means})
