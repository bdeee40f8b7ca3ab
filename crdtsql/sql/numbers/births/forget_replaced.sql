DELETE FROM temp._crdt_birth
-- The statement found the row there, so it replaced it. Of the row itself the log may then tell a delete that the statement made,
-- of other rows anything that followed from it: references set to NULL, cascades, what triggers did. But if it was met by a
-- UNIQUE value, and another row was written after that, then that one took the value, and the row was gone before the insert.
WHERE seq IN (
  SELECT event.seq
  FROM temp._crdt_birth AS birth
  JOIN temp._crdt_event AS event ON event.seq = birth.seq
  JOIN temp._crdt_event AS met
    ON met.seq = (
      SELECT latest.seq
      FROM temp._crdt_event AS latest
      WHERE latest.tbl = event.tbl AND latest.k1 = event.k1 AND latest.seq < event.seq AND latest.op = 3
      ORDER BY latest.seq DESC
      LIMIT 1
    )
  WHERE NOT EXISTS (
    SELECT 1
    FROM temp._crdt_event AS other
    WHERE other.tbl = event.tbl
      AND other.k1 = event.k1
      AND other.seq > met.seq
      AND other.seq < event.seq
      -- One statement writes all its entries in one moment.
      AND (other.op = 1 OR (other.op = 2 AND (other.ms <> event.ms OR met.ms <> event.ms)))
  )
  AND (
    met.detail IS NULL
    OR NOT EXISTS (
      SELECT 1
      FROM temp._crdt_event AS other
      WHERE other.seq > met.seq
        AND other.seq < event.seq
        AND +other.tbl = event.tbl
        AND other.k1 <> event.k1
        AND other.op NOT IN (2, 3)
        AND NOT (${lets_go})
    )
  )
)
