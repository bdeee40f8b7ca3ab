INSERT INTO ${out} (${keys})
-- Rows that were written and refer to nothing that is shown.
SELECT DISTINCT ${child_keys}
FROM temp._crdt_dirty AS dirty
CROSS JOIN ${child} AS child ON ${child_is_dirty}
WHERE dirty.tbl = ${table_id}
  AND ${is_dangling}
ON CONFLICT DO NOTHING
