DELETE FROM ${born} AS born
WHERE was IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM ${clock} AS clock WHERE clock.k1 = born.k1)
  AND NOT EXISTS (SELECT 1 FROM ${table} AS shown WHERE shown.${key_column} = born.k1)
