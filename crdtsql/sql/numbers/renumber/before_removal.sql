AND event.seq < ifnull((
      SELECT min(removal.seq) FROM temp._crdt_event AS removal
      WHERE removal.tbl = ${table_id} AND removal.detail = +target.id AND removal.op IN (2, 3)
    ), 9223372036854775807)
