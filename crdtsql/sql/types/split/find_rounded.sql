INSERT INTO ${rows} (${keys})
-- What is added later must be added to the exact sum, not to what the table can show of it.
SELECT ${keys}
FROM ${cells} AS cell
JOIN (${exactly}) AS total ON total.id = cell.id
WHERE total.value IS NOT cell.value
