ifnull(${referenced} NOT IN (
      SELECT entry.lost
      FROM main._crdt_conflict AS entry
      WHERE entry.tbl = ${child}
        AND entry.col = ${column}
        AND entry.took = 'severed'
        AND entry.resolved = entry.won_t
        AND entry.resolved_s = entry.won_s
        AND entry.lost IS NOT NULL
    ), 1)
