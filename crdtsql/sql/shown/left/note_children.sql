INSERT INTO temp._crdt_dirty (tbl, ${keys})
-- Rows that refer to one whose value gets another number.
SELECT ${child_id}, ${child_keys}
FROM ${table} AS target
CROSS JOIN ${child} AS child ON ${target_is_parent}
WHERE target.${column} IN (SELECT old FROM temp._crdt_moved)
  AND EXISTS (SELECT 1 FROM temp._crdt_moved AS moved WHERE moved.old = target.${column} AND ${means})
