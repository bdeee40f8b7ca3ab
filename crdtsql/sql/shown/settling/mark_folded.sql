INSERT INTO temp._crdt_dirty (tbl, ${log_keys})
SELECT DISTINCT tbl, ${log_keys}
FROM temp._crdt_event
