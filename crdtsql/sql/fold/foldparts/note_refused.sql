INSERT INTO temp._crdt_refused (${keys}, col, value)
SELECT ${cell_keys}, :col, shown.value
FROM temp._crdt_shown AS shown
JOIN temp._crdt_cell AS cell ON cell.id = shown.id
WHERE shown.id = :id AND cell.shown
