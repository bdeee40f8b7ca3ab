INSERT OR REPLACE INTO temp._crdt_shown (id, value)
-- What the whole writes say, less what parts say otherwise.
SELECT id, CAST(_crdt_shown_set(gone, names) AS TEXT)
FROM (
  SELECT cell.id AS id, NULL AS gone, ${names} AS names
  FROM temp._crdt_incoming_cell AS cell
  JOIN temp._crdt_part AS whole ON whole.id = cell.id AND whole.part = ''
  WHERE cell.narrow
  UNION ALL
  SELECT cell.id, part.gone IS NOT NULL, CAST('[' || group_concat(part.part, ',') || ']' AS BLOB)
  FROM temp._crdt_incoming_cell AS cell
  JOIN ${parts} AS part ON ${part_is_cell} AND part.col = :col AND part.part <> ''
  WHERE cell.narrow
  GROUP BY cell.id, part.gone IS NOT NULL
)
GROUP BY id
