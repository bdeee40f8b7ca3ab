SELECT foretold.id, born.k1, born.born_t
FROM main._crdt_foretold AS foretold
JOIN ${born} AS born ON born.was = foretold.number AND born.born_s = foretold.site
WHERE foretold.uid = :uid
UNION ALL
SELECT foretold.id, born.k1, born.born_t
FROM main._crdt_foretold AS foretold
JOIN ${born} AS born ON born.k1 = foretold.number AND born.was IS NULL AND born.born_s = foretold.site
WHERE foretold.uid = :uid
UNION ALL
SELECT foretold.id, clock.k1, clock.t
FROM main._crdt_foretold AS foretold
JOIN ${clock} AS clock ON clock.k1 = foretold.number AND clock.s = foretold.site AND clock.t > 0
LEFT JOIN ${born} AS born ON born.k1 = clock.k1
WHERE foretold.uid = :uid AND born.k1 IS NULL
