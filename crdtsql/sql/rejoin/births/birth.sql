SELECT ifnull(born.born_t, clock.t), ifnull(born.born_s, clock.s), ifnull(born.was, clock.k1)
FROM ${clock} AS clock
LEFT JOIN ${born} AS born ON born.k1 = clock.k1
WHERE clock.k1 = :number
