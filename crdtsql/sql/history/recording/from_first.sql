FROM temp._crdt_step AS step
CROSS JOIN _crdt_site AS site ON site.ordinal = step.s
LEFT JOIN ${table} AS shown ON ${shown_is_step}
LEFT JOIN temp._crdt_step AS ending ON ending.seq = step.first_end
LEFT JOIN ${held} AS held ON held.id = ending.held
WHERE step.seq = step."row"
  AND step.op <> 1
  AND NOT EXISTS (
    SELECT 1
    FROM ${clock} AS clock
    JOIN _crdt_site AS writer ON writer.ordinal = ifnull(clock.dot_s, clock.s)
    JOIN ${history} AS entry ON entry.at = ifnull(clock.dot_t, clock.t) AND entry.site = writer.id AND entry.op <> 0
    WHERE ${clock_is_step}
  )
  -- Of a row without stamps of its own nobody knows whether its last write is in the history; if it has any, it is.
  AND (
    EXISTS (SELECT 1 FROM ${clock} AS clock WHERE ${clock_is_step} AND ifnull(clock.dot_t, clock.t) > 0)
    OR NOT EXISTS (SELECT 1 FROM ${history} AS entry WHERE ${entry_is_step} AND entry.op < 9)
  )
