SELECT
  :number,
  coalesce(born.born_t, clock.t, :genesis_t),
  coalesce(born.born_s, clock.s, :genesis_s),
  born.root_t,
  born.root_s,
  born.generation,
  born.was
FROM (SELECT :number AS k1) AS wanted
LEFT JOIN ${clock} AS clock ON clock.k1 = wanted.k1
LEFT JOIN ${born} AS born ON born.k1 = wanted.k1
WHERE clock.k1 IS NOT NULL
  -- Nothing else is left of a row that was deleted and forgotten.
  OR born.k1 IS NOT NULL
  OR (
    :genesis_t IS NOT NULL
    AND EXISTS (SELECT 1 FROM ${table} AS shown WHERE shown.${key_column} = :number)
    AND ${is_old}
  )
UNION ALL
SELECT k1, born_t, born_s, root_t, root_s, generation, was
FROM ${born}
WHERE was = :number
UNION ALL
-- Rows that were refused this number too, on their way to a later one.
SELECT k1, born_t, born_s, root_t, root_s, generation, was
FROM ${born}
WHERE :number >= :derived AND k1 > :number AND k1 <= :number + :most AND was IS NOT NULL
