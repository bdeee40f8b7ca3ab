-- Numbers under which both sides show a row, and not the same one; all genesis rows of one number are one row.
SELECT incoming.k1
FROM ${image}.${row_table} AS incoming
LEFT JOIN ${image}.${born_table} AS their_birth ON their_birth.k1 = incoming.k1
LEFT JOIN ${clock} AS clock ON clock.k1 = incoming.k1
LEFT JOIN ${born} AS birth ON birth.k1 = incoming.k1
WHERE CASE
  WHEN clock.k1 IS NULL AND birth.k1 IS NULL THEN
    ifnull(their_birth.born_t, incoming.t) > 0
    AND :genesis_t IS NOT NULL
    AND EXISTS (SELECT 1 FROM ${table} AS shown WHERE shown.${key_column} = incoming.k1)
  WHEN coalesce(birth.born_t, clock.t) < 0 AND ifnull(their_birth.born_t, incoming.t) < 0 THEN
    birth.was IS NOT their_birth.was
  ELSE
    coalesce(birth.born_t, clock.t) <> ifnull(their_birth.born_t, incoming.t)
    OR coalesce(birth.born_s, clock.s)
      <> (SELECT local FROM temp._crdt_from WHERE remote = ifnull(their_birth.born_s, incoming.s))
END
