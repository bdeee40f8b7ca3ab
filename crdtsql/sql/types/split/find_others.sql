INSERT INTO ${rows} (${keys})
-- What a constraint of the table does not let it show.
SELECT ${keys}
FROM ${cells} AS cell
LEFT JOIN temp._crdt_shown AS shown ON shown.id = cell.id
WHERE shown.id IS NULL OR shown.value IS NOT cell.value OR typeof(shown.value) <> typeof(cell.value)
