INSERT INTO _crdt_log (at, op, tbl, ${log_keys})
-- A row of the genesis that is inserted anew is the same row still, as if REPLACE had written over it.
SELECT ${log_time}, 3, :tbl, ${user_keys}
FROM ${table} AS shown
WHERE ${is_row}
  AND NOT EXISTS (SELECT 1 FROM ${clock} AS clock WHERE ${shown_is_clock})
