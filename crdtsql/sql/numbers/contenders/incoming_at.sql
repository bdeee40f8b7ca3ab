SELECT
  incoming.k1,
  ifnull(birth.born_t, incoming.t),
  ifnull(birth.born_s, incoming.s),
  birth.root_t,
  birth.root_s,
  birth.generation,
  birth.was
FROM ${image}.${row_table} AS incoming
LEFT JOIN ${image}.${born_table} AS birth ON birth.k1 = incoming.k1
WHERE incoming.k1 = :number
UNION ALL
SELECT k1, born_t, born_s, root_t, root_s, generation, was
FROM ${image}.${born_table}
WHERE was = :number
UNION ALL
SELECT k1, born_t, born_s, root_t, root_s, generation, was
FROM ${image}.${born_table}
WHERE :number >= :derived AND k1 > :number AND k1 <= :number + :most AND was IS NOT NULL
