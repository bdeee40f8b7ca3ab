SELECT value
-- The length is known without reading a value, however large it is.
FROM (
  SELECT ${column} AS value
  FROM ${table}
  LIMIT :rows
)
WHERE value IS NOT NULL
  AND octet_length(value) < :bytes
LIMIT :most
