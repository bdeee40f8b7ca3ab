SELECT 1
-- An event that is more than an update of columns without a constraint, of a row that is shown as it is.
FROM temp._crdt_event AS event
LEFT JOIN ${clock} AS clock ON ${clock_is_event}
WHERE event.tbl = :tbl
  AND (
    event.op < :first_update OR clock.t IS NULL OR clock.gone IS NOT NULL OR clock.held IS NOT NULL
    OR clock.many IS NOT NULL
    -- An undelete, which writes no column.
    OR event.detail = 0${or_writes}
  )
LIMIT 1
