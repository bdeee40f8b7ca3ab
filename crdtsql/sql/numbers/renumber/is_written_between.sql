(SELECT ifnull(max(event.seq), 0) FROM temp._crdt_event AS event WHERE event.tbl = ${table_id} AND ${target_is_event} AND ${writes} ${before})
    BETWEEN moved.first AND moved.last - 1
