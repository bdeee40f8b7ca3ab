INSERT INTO temp._crdt_part (id, part, s, t, v)
-- Every value that was written to a cell; of equal ones the oldest comes first.
SELECT id, '', :self, -seq, old
FROM temp._crdt_write
UNION ALL
SELECT id, '', :self, -9223372036854775807, now
FROM temp._crdt_cell AS cell
WHERE ${was_updated}
