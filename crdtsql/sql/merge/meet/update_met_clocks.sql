UPDATE ${clock} AS clock
SET
  dot_t = CASE WHEN met.dot_t = met.t AND met.dot_s = met.s THEN NULL ELSE met.dot_t END,
  dot_s = CASE WHEN met.dot_t = met.t AND met.dot_s = met.s THEN NULL ELSE met.dot_s END,
  gone = met.gone,
  many = CASE WHEN met.complex THEN 1 END,
  held = CASE WHEN met.gone = 1 OR met.old_held IS NOT NULL THEN ifnull(met.old_held, :held_base + met.id) END,
  seq = :seq
  ${stamps}
FROM ${met} AS met
CROSS JOIN ${image}.${row_table} AS incoming ON incoming.rowid = met.id
JOIN temp._crdt_from AS origin ON origin.remote = incoming.s
WHERE ${clock_is_met}
