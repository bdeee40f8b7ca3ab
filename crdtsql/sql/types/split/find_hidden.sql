INSERT INTO ${rows} (${keys})
-- A leaf that is not shown, because others extend its path, is shown again once they go.
SELECT ${keys}
FROM ${cells} AS cell
WHERE EXISTS (
  SELECT 1
  FROM temp._crdt_part AS hidden
  JOIN temp._crdt_part AS longer ON longer.id = hidden.id AND longer.part > hidden.part || ',' AND longer.part < hidden.part || '-'
  WHERE hidden.id = cell.id AND hidden.part GLOB '"*' AND hidden.gone IS NULL AND longer.gone IS NULL
)
