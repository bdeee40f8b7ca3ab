INSERT INTO _crdt_log (at, op, tbl, detail, ${keys})
-- A write that leaves the value as it is logs nothing by itself, but it is an event that has seen both values.
SELECT ${log_time}, :op, :tbl, :mask, ${user_keys}
FROM _crdt_conflict AS entry
JOIN ${table} AS shown ON ${shown_is_entry}
WHERE entry.id = :id
