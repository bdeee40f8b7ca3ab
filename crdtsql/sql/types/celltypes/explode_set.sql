SELECT DISTINCT
  whole.id AS id,
  CASE element.type
    WHEN 'text' THEN CASE WHEN instr(CAST(element.atom AS BLOB), x'ED') THEN CAST(_crdt_text(CAST(json_quote(element.atom) AS BLOB)) AS TEXT) ELSE json_quote(element.atom) END
    WHEN 'integer' THEN CASE typeof(element.atom) WHEN 'integer' THEN CAST(element.atom AS TEXT) ELSE _crdt_real(element.atom) END
    WHEN 'real' THEN _crdt_real(element.atom)
    ELSE element.type
  END AS part,
  NULL AS v
FROM ${wholes} AS whole
CROSS JOIN json_each(CASE WHEN json_valid(whole.value) THEN whole.value END) AS element
WHERE element.type NOT IN ('array', 'object')
