AND target.tbl = ${table_id}
AND NOT EXISTS (
  SELECT 1
  FROM temp._crdt_event AS event
  WHERE event.tbl = ${table_id} AND event.op = 1 AND event.seq <= target.seq AND ${target_is_event}
)
