CREATE TEMP TABLE _crdt_event (seq INTEGER PRIMARY KEY, hlc INTEGER, op, tbl, detail, old, ${log_keys})
