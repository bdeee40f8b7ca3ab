INSERT OR IGNORE INTO ${births} (k1, born_t, born_s, root_t, root_s, generation)
SELECT born.k1, born.born_t, born.born_s, born.root_t, born.root_s, born.generation
FROM ${born} AS born
WHERE born.was IS NULL
  AND born.generation = 0
  AND NOT EXISTS (SELECT 1 FROM ${clock} AS clock WHERE clock.k1 = born.k1)
