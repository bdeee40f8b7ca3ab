-- Numbers that a row lost here, and whose present row the sender may not know.
SELECT DISTINCT birth.was
FROM ${born} AS birth
LEFT JOIN ${clock} AS clock ON clock.k1 = birth.was
LEFT JOIN ${born} AS keeper ON keeper.k1 = birth.was
WHERE birth.was IS NOT NULL
  AND (
    (coalesce(keeper.born_t, clock.t, :genesis_t) & 4611686018427387903) > ifnull(
      (SELECT upto FROM temp._crdt_theirs WHERE ordinal = coalesce(keeper.born_s, clock.s, :genesis_s)), 0
    )
    OR EXISTS (SELECT 1 FROM ${clock} AS before WHERE before.k1 = birth.k1 - 1)
  )
