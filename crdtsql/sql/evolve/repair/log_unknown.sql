INSERT INTO _crdt_log (at, op, tbl, ${log_keys})
-- Rows that the table shows and no clock row speaks of, or only as deleted.
SELECT ${log_time}, 1, :tbl, ${user_keys}
FROM ${table} AS shown
LEFT JOIN ${clock} AS clock ON ${shown_is_clock}
WHERE (clock.t IS NULL AND :without_genesis)
  OR (clock.gone = 1 AND NOT EXISTS (SELECT 1 FROM ${held} AS held WHERE held.id = clock.held AND ${is_stand_in}))
