part.n IS NULL
  AND CASE
    WHEN part.part = '' THEN part.gone IS NULL AND NOT (${invalid})
    WHEN json_valid(part.part) THEN part.v IS NULL AND json_type(part.part) NOT IN ('array', 'object') AND part.part = trim(part.part)
    ELSE 0
  END
