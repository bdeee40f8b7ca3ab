WHEN EXISTS (
      SELECT 1
      FROM temp._crdt_wrote AS wrote
      WHERE wrote."row" = step."row" AND wrote.col = ${col} AND wrote.seq > ${after} AND wrote.seq < ifnull(${until}, 9223372036854775807)
    ) THEN (
      SELECT wrote.old
      FROM temp._crdt_wrote AS wrote
      WHERE wrote."row" = step."row" AND wrote.col = ${col} AND wrote.seq > ${after}
      ORDER BY wrote.seq
      LIMIT 1
    )