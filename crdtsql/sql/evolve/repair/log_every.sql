INSERT INTO _crdt_log (at, op, tbl, detail, ${log_keys})
-- A row that is shown otherwise than it is has its values in the held rows: what the table shows of it is not its own.
SELECT ${log_time}, 1, :tbl, CASE WHEN clock.gone IS NULL THEN 1 END, ${user_keys}
FROM ${table} AS shown
LEFT JOIN ${clock} AS clock ON ${shown_is_clock}
WHERE clock.held IS NULL OR (clock.gone = 1 AND NOT EXISTS (SELECT 1 FROM ${held} AS held WHERE held.id = clock.held AND ${is_stand_in}))
