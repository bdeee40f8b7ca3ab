SELECT
  (
    SELECT CASE WHEN typeof(target.${column}) = 'text' THEN CAST(moved.new AS TEXT) ELSE moved.new END
    FROM temp._crdt_moved AS moved
    WHERE moved.old = target.${column} AND ${means}
    ORDER BY moved.born_t
    LIMIT 1
  ),
  target.seq
FROM temp._crdt_event AS target
WHERE target.${column} IN (SELECT old FROM temp._crdt_moved)
  AND EXISTS (SELECT 1 FROM temp._crdt_moved AS moved WHERE moved.old = target.${column} AND ${means})
