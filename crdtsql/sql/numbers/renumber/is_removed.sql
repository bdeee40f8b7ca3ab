EXISTS (
    SELECT 1 FROM temp._crdt_event AS removal
    WHERE removal.tbl = ${table_id} AND removal.detail = +target.id AND removal.op IN (2, 3)
  )
