WITH
  -- Numbers in keys that the log inserts, with whose entries these are, and the numbers that it has entries of.
  asked AS (
    SELECT CAST(event.${key} AS INTEGER) AS number, event.s AS s, min(event.seq) AS first
    FROM temp._crdt_event AS event
    WHERE event.tbl = :child
      AND event.op = 1
      AND (typeof(event.${key}) = 'integer' OR (typeof(event.${key}) = 'text' AND CAST(CAST(event.${key} AS INTEGER) AS TEXT) = event.${key}))
    GROUP BY 1, 2
  ),
  met AS MATERIALIZED (
    SELECT CAST(k1 AS INTEGER) AS number, min(seq) AS seq FROM temp._crdt_event WHERE tbl = :tbl GROUP BY k1
  ),
  piece AS MATERIALIZED (
    SELECT s, min(seq) AS first, max(seq) AS last FROM temp._crdt_event GROUP BY s
  )
SELECT asked.number, asked.s, piece.first, piece.last
FROM asked
JOIN piece ON piece.s = asked.s
LEFT JOIN met ON met.number = asked.number
LEFT JOIN temp._crdt_event AS beginning ON beginning.seq = met.seq
WHERE NOT EXISTS (SELECT 1 FROM ${clock} AS clock WHERE clock.k1 = asked.number)
  AND NOT EXISTS (SELECT 1 FROM main._crdt_foretold AS foretold WHERE foretold.id = asked.number)
  AND CASE
    WHEN met.seq IS NULL THEN NOT EXISTS (SELECT 1 FROM ${table} AS shown WHERE shown.${key_column} = asked.number)
    -- The row was there before; or its writer inserts it, or had seen it.
    ELSE beginning.op = 1 AND beginning.s <> asked.s AND asked.first < met.seq
  END
