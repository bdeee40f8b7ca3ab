SELECT id, CAST(_crdt_array(CAST('[' || group_concat(part, ',') FILTER (WHERE shown) || ']' AS BLOB)) AS TEXT) AS value
FROM (
  SELECT id, part, max(gone IS NULL AND part <> '') AS shown
  FROM temp._crdt_part
  GROUP BY id, part
)
GROUP BY id
