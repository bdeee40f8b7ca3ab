INSERT OR IGNORE INTO temp._crdt_split (id, part, i, v)
-- A leaf that was not shown, because others extend its path, is there until a value could show it.
SELECT hidden.id, hidden.part, write.i, hidden.v
FROM temp._crdt_split AS hidden
JOIN temp._crdt_write AS write ON write.id = hidden.id
WHERE hidden.i = 0
  AND EXISTS (
    SELECT 1 FROM temp._crdt_split AS longer
    WHERE longer.id = hidden.id AND longer.i = 0 AND longer.part > hidden.part || ',' AND longer.part < hidden.part || '-'
  )
  AND NOT EXISTS (
    SELECT 1
    FROM temp._crdt_write AS earlier
    WHERE earlier.id = hidden.id
      AND earlier.i <= write.i
      AND NOT EXISTS (
        SELECT 1 FROM temp._crdt_split AS longer
        WHERE longer.id = hidden.id AND longer.i = earlier.i AND longer.part > hidden.part || ',' AND longer.part < hidden.part || '-'
      )
  )
