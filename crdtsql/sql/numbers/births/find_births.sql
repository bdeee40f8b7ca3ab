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
    -- Of a row that was deleted and forgotten only the birth is left.
    OR EXISTS (
      SELECT 1
      FROM ${born} AS born
      WHERE born.k1 = event.k1 AND NOT EXISTS (SELECT 1 FROM ${clock} AS clock WHERE clock.k1 = event.k1)
    )
  )
  AND NOT EXISTS (
    -- The usual case of a row that was replaced (forget_replaced.sql), by one look.
    SELECT 1
    FROM temp._crdt_event AS met
    WHERE met.seq = event.seq - 1 AND met.tbl = :tbl AND met.op = 3 AND met.k1 = event.k1
  )
