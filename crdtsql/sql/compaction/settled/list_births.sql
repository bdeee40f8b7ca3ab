SELECT settled.k1, ifnull(born.born_t, clock.t), ifnull(born.born_s, clock.s)
FROM ${settled} AS settled
JOIN ${clock} AS clock ON clock.k1 = settled.k1
LEFT JOIN ${born} AS born ON born.k1 = settled.k1
WHERE settled.becomes IN ('gone', 'genesis')
