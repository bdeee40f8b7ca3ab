SELECT entry.id, ifnull(clock.${t}, clock.t), writer.id, clock.gone
FROM _crdt_conflict AS entry
JOIN ${clock} AS clock ON ${clock_is_entry}
JOIN _crdt_site AS writer ON writer.ordinal = ifnull(clock.${s}, clock.s)
WHERE entry.tbl = :tbl
  AND entry.col = :col
  AND (:id IS NULL OR entry.id = :id)
