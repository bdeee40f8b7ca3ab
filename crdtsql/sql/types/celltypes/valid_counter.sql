part.gone IS NULL
  AND CASE
    WHEN part.part = '' THEN part.n IS NULL AND CASE typeof(part.v) WHEN 'real' THEN abs(part.v) <= 1.7e308 ELSE typeof(part.v) IN ('null', 'integer') END
    WHEN part.part = '+' THEN part.n IS NULL AND part.t > 0 AND _crdt_is_total(part.v)
    WHEN part.part GLOB '+*' THEN
      part.n IS NULL
      AND part.part = '+' || CAST(substr(part.part, 2) AS INTEGER)
      AND CAST(substr(part.part, 2) AS INTEGER) BETWEEN 1 AND part.t
      AND _crdt_is_total(part.v)
    ELSE
      length(part.part) >= 32
      AND substr(part.part, 1, 32) NOT GLOB '*[^0-9a-f]*'
      AND CASE
        WHEN length(part.part) = 32 THEN 1
        ELSE
          substr(part.part, 33) = '+' || CAST(substr(part.part, 34) AS INTEGER)
          AND CAST(substr(part.part, 34) AS INTEGER) BETWEEN 1 AND part.n
      END
      AND part.n IS NOT NULL
      AND _crdt_is_total(part.v)
  END
