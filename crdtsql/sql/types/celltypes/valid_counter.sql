part.gone IS NULL
  AND CASE part.part
    WHEN '' THEN part.n IS NULL AND CASE typeof(part.v) WHEN 'real' THEN abs(part.v) <= 1.7e308 ELSE typeof(part.v) IN ('null', 'integer') END
    WHEN '+' THEN part.n IS NULL AND part.t > 0 AND _crdt_is_total(part.v)
    ELSE length(part.part) = 32 AND part.part NOT GLOB '*[^0-9a-f]*' AND part.n IS NOT NULL AND _crdt_is_total(part.v)
  END
