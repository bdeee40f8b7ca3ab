UPDATE temp._crdt_cell AS target
SET first = later.first
FROM (
  SELECT cell.id AS id, min(event.seq) AS first
  FROM temp._crdt_cell AS cell
  JOIN temp._crdt_event AS event ON ${cell_is_event}
  WHERE cell.whole < cell.updated
    AND event.tbl = :tbl
    AND event.op = :op
    AND (event.detail >> :bit) & 1
    AND event.hlc > cell.whole
  GROUP BY cell.id
) AS later
WHERE later.id = target.id
