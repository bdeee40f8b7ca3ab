SELECT 1
FROM temp._crdt_event AS event
CROSS JOIN ${clock} AS clock ON ${clock_is_event}
CROSS JOIN ${held} AS held ON held.id = clock.held
WHERE event.tbl = :tbl
  AND clock.held IS NOT NULL
  AND (held.reason <> ${reason_deleted} OR clock.many IS NOT NULL)
LIMIT 1
