UPDATE temp._crdt_event
-- The event stays one of the row; the cell keeps its stamp.
SET detail = 0
WHERE seq IN (
  SELECT event.seq
  FROM temp._crdt_cell AS cell
  JOIN temp._crdt_event AS event ON ${cell_is_event}
  WHERE cell.updated IS NOT NULL
    AND ${unchanged}
    AND event.tbl = :tbl
    AND event.op = :op
    AND (event.detail >> :bit) & 1
    AND event.hlc > ifnull(cell.whole, 0)
)
