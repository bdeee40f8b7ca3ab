part.gone IS NULL
  AND CASE typeof(part.v) WHEN 'null' THEN part.part = '' WHEN 'integer' THEN 1 WHEN 'real' THEN abs(part.v) < 1.7e308 ELSE 0 END
  AND CASE
    WHEN part.part IN ('', '+') THEN part.n IS NULL AND (part.part = '' OR part.t > 0)
    ELSE length(part.part) = 32 AND part.part NOT GLOB '*[^0-9a-f]*' AND part.n IS NOT NULL
  END
