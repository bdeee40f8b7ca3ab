UPDATE ${held} AS target
SET ${value} = shown.value
FROM temp._crdt_shown AS shown
JOIN temp._crdt_cell AS cell ON cell.id = shown.id
WHERE target.id = cell.held
