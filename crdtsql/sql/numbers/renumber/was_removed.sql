target.id IN (
  SELECT removal.detail
  FROM temp._crdt_event AS removal
  WHERE removal.tbl = ${table_id}
    AND removal.op IN (2, 3)
    AND NOT EXISTS (
      SELECT 1
      FROM temp._crdt_event AS event
      WHERE event.tbl = ${table_id} AND event.op = 1 AND event.seq <= removal.seq AND ${removal_is_event}
    )
)
