SELECT id, part, v
FROM (
  WITH RECURSIVE leaf (id, path, type, value, atom) AS (
    SELECT whole.id, CASE WHEN instr(CAST(member.key AS BLOB), x'ED') THEN CAST(_crdt_text(CAST(json_quote(member.key) AS BLOB)) AS TEXT) ELSE json_quote(member.key) END, member.type, member.value, member.atom
    FROM ${wholes} AS whole
    CROSS JOIN json_each(CASE WHEN json_valid(whole.value) THEN whole.value END) AS member
    WHERE json_type(whole.value) = 'object'
    UNION ALL
    SELECT leaf.id, leaf.path || ',' || CASE WHEN instr(CAST(member.key AS BLOB), x'ED') THEN CAST(_crdt_text(CAST(json_quote(member.key) AS BLOB)) AS TEXT) ELSE json_quote(member.key) END, member.type, member.value, member.atom
    FROM leaf
    CROSS JOIN json_each(CASE leaf.type WHEN 'object' THEN leaf.value END) AS member
  )
  SELECT
    id,
    path AS part,
    CASE type
      WHEN 'text' THEN CASE WHEN instr(CAST(atom AS BLOB), x'ED') THEN CAST(_crdt_text(CAST(json_quote(atom) AS BLOB)) AS TEXT) ELSE json_quote(atom) END
      WHEN 'integer' THEN CASE typeof(atom) WHEN 'integer' THEN CAST(atom AS TEXT) ELSE _crdt_real(atom) END
      WHEN 'real' THEN _crdt_real(atom)
      WHEN 'array' THEN json(value)
      WHEN 'object' THEN '{}'
      ELSE type
    END AS v
  FROM leaf
  WHERE type <> 'object' OR value = '{}'
)
