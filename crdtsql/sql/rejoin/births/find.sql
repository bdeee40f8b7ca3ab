SELECT k1
FROM (
  SELECT born.k1 AS k1
  FROM ${born} AS born
  WHERE born.born_t = :t AND born.born_s = :s
  UNION ALL
  SELECT clock.k1
  FROM ${clock} AS clock
  WHERE clock.t = :t AND clock.s = :s AND NOT EXISTS (SELECT 1 FROM ${born} AS born WHERE born.k1 = clock.k1)
)
ORDER BY k1 <> :asked
LIMIT 1
