SELECT cell.id AS id, '' AS part, NULL AS v
FROM ${cells} AS cell
UNION
SELECT
  cell.id,
  CASE element.type
    WHEN 'text' THEN json_quote(element.atom)
    WHEN 'integer' THEN CASE typeof(element.atom) WHEN 'integer' THEN CAST(element.atom AS TEXT) ELSE _crdt_real(element.atom) END
    WHEN 'real' THEN _crdt_real(element.atom)
    ELSE element.type
  END,
  NULL
FROM ${cells} AS cell
CROSS JOIN json_each(CASE WHEN json_valid(cell.${value}) THEN cell.${value} END) AS element
WHERE element.type NOT IN ('array', 'object')
