INSERT INTO temp._crdt_write (seq, id, i, hlc, s, old, new)
SELECT event.seq, cell.id, ${place}, event.hlc, event.s, event.old, ${new}
FROM temp._crdt_cell AS cell
JOIN temp._crdt_event AS event ON ${cell_is_event}
WHERE event.tbl = :tbl
  AND event.op = :op
  AND (event.detail >> :bit) & 1
  AND ${which}
WINDOW log AS (PARTITION BY cell.id ORDER BY event.seq)
