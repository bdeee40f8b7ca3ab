DELETE FROM ${parts}
WHERE (${keys}, col, part) IN (
  SELECT ${cell_keys}, :col, change.part
  FROM temp._crdt_change AS change
  JOIN temp._crdt_cell AS cell ON cell.id = change.id
)
