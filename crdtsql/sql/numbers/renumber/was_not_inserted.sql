AND NOT EXISTS (
  SELECT 1
  FROM temp._crdt_event AS event
  WHERE event.tbl = ${table_id} AND event.op = 1 AND ${target_is_event}
)
