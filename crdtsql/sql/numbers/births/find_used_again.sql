-- Numbers of rows that were not shown, and under which the first that happened since is an insert.
SELECT event.k1, max(CASE WHEN event.op = 1 THEN event.hlc END)
FROM temp._crdt_event AS event
WHERE event.tbl = :tbl
  AND event.k1 IN (
    SELECT inserted.k1
    FROM temp._crdt_event AS inserted
    JOIN ${clock} AS clock ON clock.k1 = inserted.k1
    WHERE inserted.tbl = :tbl AND inserted.op = 1 AND clock.held IS NOT NULL
  )
GROUP BY event.k1
HAVING min(event.seq) = min(CASE WHEN event.op = 1 THEN event.seq END)
