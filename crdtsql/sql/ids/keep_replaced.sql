INSERT OR IGNORE INTO ${born} (k1, born_t, born_s, root_t, root_s, generation)
-- A row that was there before it was inserted was replaced, and keeps its birth.
SELECT k1, t, s, t, s, 0
FROM (
  SELECT event.k1 AS k1, coalesce(clock.t, :genesis_t) AS t, coalesce(clock.s, :genesis_s) AS s
  FROM (
    SELECT k1
    FROM temp._crdt_event
    WHERE tbl = :tbl
    GROUP BY k1
    HAVING max(op = 1) AND min(seq) < min(CASE WHEN op = 1 THEN seq END)
  ) AS event
  LEFT JOIN ${clock} AS clock ON clock.k1 = event.k1
)
WHERE t IS NOT NULL
