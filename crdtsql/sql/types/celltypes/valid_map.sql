part.n IS NULL
  AND CASE
    WHEN part.part = '' THEN part.gone IS NULL AND NOT (${invalid})
    WHEN json_valid('[' || part.part || ']') THEN
      NOT EXISTS (SELECT 1 FROM json_each('[' || part.part || ']') WHERE type <> 'text')
      AND CASE WHEN part.gone THEN part.v IS NULL ELSE typeof(part.v) = 'text' AND json_valid(part.v) END
    ELSE 0
  END
