INSERT INTO temp._crdt_change (id, part, gone)
-- A leaf that was not shown, because others extend its path, is not removed by a value that can't show it either.
SELECT before.id, before.part, 1
FROM temp._crdt_before AS before
WHERE before.part <> ''
  AND NOT EXISTS (SELECT 1 FROM temp._crdt_after AS after WHERE after.id = before.id AND after.part = before.part)
  AND NOT (
    EXISTS (
      SELECT 1 FROM temp._crdt_before AS longer
      WHERE longer.id = before.id AND longer.part > before.part || ',' AND longer.part < before.part || '-'
    )
    AND EXISTS (
      SELECT 1 FROM temp._crdt_after AS longer
      WHERE longer.id = before.id AND longer.part > before.part || ',' AND longer.part < before.part || '-'
    )
  )
