INSERT INTO temp._crdt_part (id, part, s, t, v)
-- Every value that was written to a cell; of equal ones the oldest comes first.
SELECT cell.id, '', :self, -event.seq, event.old
FROM temp._crdt_cell AS cell
JOIN temp._crdt_event AS event ON ${cell_is_event}
WHERE cell.updated IS NOT NULL
  AND event.tbl = :tbl
  AND event.op = :op
  AND (event.detail >> :bit) & 1
  AND event.hlc > ifnull(cell.whole, 0)
UNION ALL
SELECT id, '', :self, -9223372036854775807, now
FROM temp._crdt_cell
WHERE updated IS NOT NULL
