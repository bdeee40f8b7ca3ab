SELECT ifnull(born.born_t, clock.t), ifnull(born.born_s, clock.s), ifnull(born.was, wanted.k1)
FROM (SELECT :number AS k1) AS wanted
LEFT JOIN ${clock} AS clock ON clock.k1 = wanted.k1
LEFT JOIN ${born} AS born ON born.k1 = wanted.k1
WHERE clock.k1 IS NOT NULL OR born.k1 IS NOT NULL
