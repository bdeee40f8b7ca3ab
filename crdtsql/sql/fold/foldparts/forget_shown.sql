DELETE FROM temp._crdt_shown AS shown
-- What the table, or the held row, shows already.
WHERE EXISTS (
  SELECT 1
  FROM temp._crdt_cell AS cell
  WHERE cell.id = shown.id AND typeof(cell.now) = typeof(shown.value) AND cell.now IS shown.value
)
