INSERT INTO ${rows} (${keys})
-- What an ended site added, which may come back with more.
SELECT ${keys}
FROM ${cells} AS cell
WHERE EXISTS (
  SELECT 1 FROM temp._crdt_part AS part WHERE part.id = cell.id AND part.part >= '+' AND part.part < ',' AND part.s IN (${ended})
)
