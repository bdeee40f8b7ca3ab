SELECT ifnull(born.was, clock.k1), ifnull(born.root_t, clock.t), ifnull(born.root_s, clock.s)
FROM ${clock} AS clock
LEFT JOIN ${born} AS born ON born.k1 = clock.k1
WHERE clock.k1 = ?
