INSERT INTO temp._crdt_purge (tbl, t, s, k1)
-- All genesis rows of a table have one stamp; what tells them apart is the number that they had.
SELECT :tbl, :t, :s, clock.k1
FROM ${clock} AS clock
LEFT JOIN ${born} AS born ON born.k1 = clock.k1
WHERE ifnull(born.root_t, clock.t) = :k2
  AND ifnull(born.root_s, clock.s) = :k3
  AND ifnull(born.was, clock.k1) = :k1
