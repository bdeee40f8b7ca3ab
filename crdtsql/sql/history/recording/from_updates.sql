FROM temp._crdt_step AS step
CROSS JOIN _crdt_site AS site ON site.ordinal = step.s
LEFT JOIN ${table} AS shown ON ${shown_is_step}
LEFT JOIN temp._crdt_step AS ending ON ending.seq = step.ended
LEFT JOIN ${held} AS held ON held.id = ending.held
WHERE step.op > 3
