part.v IS NULL
  AND part.n IS NULL
  AND CASE
    WHEN part.part = '' THEN part.gone IS NULL
    WHEN json_valid(part.part) THEN json_type(part.part) NOT IN ('array', 'object') AND part.part = trim(part.part)
    ELSE 0
  END
