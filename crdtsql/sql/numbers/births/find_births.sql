INSERT INTO temp._crdt_birth (k1, seq, hlc, s)
SELECT event.k1, event.seq, event.hlc, event.s
FROM temp._crdt_event AS event
WHERE event.tbl = :tbl
  AND event.op = 1
  AND event.detail IS NOT 1
  AND (
    -- Triggers of an older format did not say of every row that it was there.
    event.k1 IN (SELECT gone.k1 FROM temp._crdt_event AS gone WHERE gone.tbl = :tbl AND (gone.op = 2 OR (gone.op = 3 AND NOT gone.aged)))
    OR EXISTS (SELECT 1 FROM ${clock} AS clock WHERE clock.k1 = event.k1 AND clock.held IS NOT NULL)
  )
  AND NOT EXISTS (
    -- The usual case of the next condition, by one look.
    SELECT 1
    FROM temp._crdt_event AS met
    WHERE met.seq = event.seq - 1 AND met.tbl = :tbl AND met.op = 3 AND met.k1 = event.k1
  )
  AND NOT EXISTS (
    -- The statement found the row there, so it replaced it. What else it met stands between, and a delete of it only if it made it.
    SELECT 1
    FROM temp._crdt_event AS met
    WHERE met.seq >= event.seq - 100
      AND met.seq < event.seq
      AND +met.tbl = :tbl
      AND +met.op = 3
      AND +met.k1 = event.k1
      AND NOT EXISTS (
        SELECT 1
        FROM temp._crdt_event AS other
        WHERE other.seq > met.seq
          AND other.seq < event.seq
          AND +other.tbl = :tbl
          -- Of the row itself the statement may have deleted or changed something on the way, in the same moment.
          AND (other.op IN (1, 2) OR other.op > 3)
          AND (other.op <> 2 OR other.k1 = event.k1)
          AND (other.op = 1 OR other.k1 <> event.k1 OR other.ms <> event.ms OR met.ms <> event.ms)
      )
  )
