SELECT born.k1, born.born_t, born.born_s
FROM ${born} AS born
WHERE born.k1 >= :since
  AND born.was IS NULL
  AND born.generation = 0
  AND ${is_below}
  AND NOT EXISTS (SELECT 1 FROM ${clock} AS clock WHERE clock.k1 = born.k1)
  AND NOT EXISTS (SELECT 1 FROM ${born} AS other WHERE other.was = born.k1)
ORDER BY born.k1
LIMIT :most
