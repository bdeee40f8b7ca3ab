SELECT event.seq AS seq, cell.id AS id, ${place} AS i, event.hlc AS hlc, event.s AS s, event.old AS old, ${new} AS new, cell.whole AS whole
FROM temp._crdt_event AS event
CROSS JOIN temp._crdt_cell AS cell ON ${cell_is_event}
WHERE event.tbl = :tbl
  AND event.op = :op
  AND (event.detail >> :bit) & 1
  AND ${which}
WINDOW log AS (PARTITION BY cell.id ORDER BY event.seq)
