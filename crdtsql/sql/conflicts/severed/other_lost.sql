(
    SELECT other.lost
    FROM _crdt_conflict AS other
    WHERE other.tbl = entry.tbl AND other.col = ${column_id} AND other.took = 'severed' AND ${other_is_entry}
    ORDER BY other.id DESC
    LIMIT 1
  )
