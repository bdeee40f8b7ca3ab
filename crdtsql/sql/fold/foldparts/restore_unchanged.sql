INSERT INTO temp._crdt_shown (id, value)
-- Where updates changed the spelling alone, the value before is shown again.
SELECT id, old
FROM temp._crdt_cell AS cell
WHERE ${was_updated}
  AND id NOT IN (SELECT write.id FROM temp._crdt_write AS write JOIN temp._crdt_cell AS cell ON cell.id = write.id WHERE write.counts AND write.hlc > ifnull(cell.whole, 0))
