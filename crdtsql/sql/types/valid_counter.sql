part.gone IS NULL
  AND typeof(part.v) IN ('integer', 'real')
  AND abs(part.v) < 1.7e308
  AND CASE
    WHEN part.part IN ('', '+') THEN part.n IS NULL AND (part.part = '' OR part.t > 0)
    ELSE length(part.part) = 32 AND part.part NOT GLOB '*[^0-9a-f]*' AND part.n IS NOT NULL
  END
