FROM temp._crdt_step AS step
CROSS JOIN _crdt_site AS site ON site.ordinal = step.s
WHERE step.op = 2
  -- Of a row that was perhaps evicted the table says whether it was.
  OR (step.op = 3 AND step.last = 1 AND NOT EXISTS (SELECT 1 FROM ${table} AS shown WHERE ${shown_is_step}))
