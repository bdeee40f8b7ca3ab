(
      -- What the log inserted is not of the genesis, but for a row of it that was replaced.
      born.k1 IS NOT NULL
      OR NOT EXISTS (SELECT 1 FROM temp._crdt_event AS event WHERE event.tbl = ${table_id} AND event.k1 = :number AND event.op = 1)
    )
