INSERT INTO temp._crdt_cell (${keys}, whole, whole_s, held, shown, now, before_t, before_s)
SELECT
  ${cell_keys},
  cell.whole,
  ${site_of_whole},
  cell.held,
  shown.${row_marker} IS NOT NULL,
  CASE WHEN shown.${row_marker} IS NOT NULL THEN shown.${column} ELSE held.${held_value} END,
  ${stamp_t},
  ${stamp_s}
FROM (
  SELECT
    ${event_keys},
    max(CASE WHEN op = 1 THEN hlc END) AS whole,
    max(op = :op AND (detail >> :bit) & 1) AS updated,
    max(CASE WHEN op IN (2, 3) THEN detail END) AS held
  FROM temp._crdt_event AS event
  WHERE tbl = :tbl
  GROUP BY ${grouping}
) AS cell
LEFT JOIN ${table} AS shown ON ${shown_is_cell}
LEFT JOIN ${held_table} AS held ON held.id = cell.held
LEFT JOIN ${clock} AS clock ON ${clock_is_cell}
WHERE cell.updated
  OR (cell.whole IS NOT NULL AND EXISTS (SELECT 1 FROM ${parts} AS part WHERE ${part_is_cell} AND part.col = :col))
