SELECT
  held,
  min(CASE WHEN stands AND op = 2 THEN hlc END),
  min(CASE WHEN NOT stands AND op = 1 THEN hlc END)
-- Per moved row that was written: when it was deleted where it stands, and when its own key was inserted.
FROM (
  SELECT moved.held AS held, event.op AS op, event.hlc AS hlc, 1 AS stands
  FROM temp._crdt_event AS event
  CROSS JOIN main.${moved} AS moved ON ${moved_is_event}
  WHERE event.tbl = :tbl
  UNION ALL
  SELECT moved.held, event.op, event.hlc, 0
  FROM temp._crdt_event AS event
  CROSS JOIN ${clock} AS clock ON ${clock_is_event}
  CROSS JOIN main.${moved} AS moved ON moved.held = clock.held
  WHERE event.tbl = :tbl
)
GROUP BY held
ORDER BY held
