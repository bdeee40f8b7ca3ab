SELECT
  entry.id,
  ifnull(clock.${t}, clock.t),
  writer.id,
  clock.gone,
  CASE WHEN shown.${key} IS NULL THEN held.${value} ELSE shown.${column} END
FROM _crdt_conflict AS entry
JOIN ${clock} AS clock ON ${clock_is_entry}
JOIN _crdt_site AS writer ON writer.ordinal = ifnull(clock.${s}, clock.s)
LEFT JOIN ${table} AS shown ON ${shown_is_clock}
LEFT JOIN ${held} AS held ON ${held_is_clock}
WHERE entry.tbl = :tbl
  AND entry.col = :col
  AND (:id IS NULL OR entry.id = :id)
