UPDATE ${on_conflict} ${table} AS target
SET ${column} = shown.value
FROM temp._crdt_shown AS shown
JOIN temp._crdt_cell AS cell ON cell.id = shown.id
WHERE ${target_is_cell} AND cell.shown
  AND shown.id BETWEEN :first AND :last
