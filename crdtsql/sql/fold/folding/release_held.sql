DELETE FROM ${held}
WHERE id IN (
  SELECT clock.held
  FROM temp._crdt_event AS event
  JOIN ${clock} AS clock ON ${clock_is_event}
  WHERE event.tbl = :tbl AND event.op = 1 AND clock.held IS NOT NULL
    AND clock.held NOT IN (SELECT value FROM json_each(:kept))
)
