INSERT OR IGNORE INTO ${born} (k1, born_t, born_s, root_t, root_s, generation, was)
SELECT
  birth.k1,
  birth.born_t,
  (SELECT local FROM temp._crdt_from WHERE remote = birth.born_s),
  birth.root_t,
  (SELECT local FROM temp._crdt_from WHERE remote = birth.root_s),
  birth.generation,
  birth.was
FROM ${image}.${born_table} AS birth
ORDER BY birth.k1
