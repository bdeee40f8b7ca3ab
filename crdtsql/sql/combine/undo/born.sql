INSERT INTO ${image}.${born_table} (k1, born_t, born_s, root_t, root_s, generation, was)
SELECT born.k1, born.born_t, born.born_s, born.root_t, born.root_s, born.generation, born.was
FROM ${born} AS born
WHERE born.k1 IN (SELECT k1 FROM ${image}.${row_table})
