DELETE FROM ${parts}
WHERE (${keys}, col, part) IN (
  SELECT ${cell_keys}, :col, sent.part
  FROM temp._crdt_incoming_cell AS cell
  JOIN (SELECT DISTINCT id, part FROM temp._crdt_part) AS sent ON sent.id = cell.id
  WHERE cell.narrow AND (sent.part <> '' OR cell.id IN (SELECT id FROM temp._crdt_alone))
)
