DELETE FROM ${held}
WHERE id IN (SELECT detail FROM temp._crdt_event WHERE tbl = :tbl AND op IN (2, 3))
  AND NOT EXISTS (SELECT 1 FROM ${clock} AS clock WHERE ${clock_is_held} AND clock.held = ${held}.id)
