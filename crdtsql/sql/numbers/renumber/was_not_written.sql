AND NOT EXISTS (
  SELECT 1
  FROM temp._crdt_event AS event
  WHERE event.tbl = ${table_id}
    AND ${target_is_event}
    AND (event.op = 1 OR (event.op = ${op} AND (event.detail >> ${bit}) & 1))
)
