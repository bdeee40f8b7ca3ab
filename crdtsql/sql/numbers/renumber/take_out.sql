INSERT INTO ${out} (${keys})
SELECT ${key_columns}
FROM ${table} AS target
WHERE target.${column} IN (SELECT old FROM temp._crdt_moved)
  AND EXISTS (SELECT 1 FROM temp._crdt_moved AS moved WHERE moved.old = target.${column} AND ${means})
