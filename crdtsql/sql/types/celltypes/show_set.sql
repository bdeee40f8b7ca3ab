SELECT
  id,
  '[' || ifnull(group_concat(part, ',' ORDER BY place, number, content) FILTER (WHERE shown), '') || ']' AS value
FROM (
  SELECT
    id,
    part,
    shown,
    CASE part WHEN 'null' THEN 0 WHEN 'false' THEN 1 WHEN 'true' THEN 2 ELSE 3 + (substr(part, 1, 1) = '"') END AS place,
    CAST(part AS REAL) AS number,
    CASE substr(part, 1, 1) WHEN '"' THEN part ->> '$' ELSE part END AS content
  FROM (
    SELECT id, part, max(gone IS NULL AND part <> '') AS shown
    FROM temp._crdt_part
    GROUP BY id, part
  )
)
GROUP BY id
