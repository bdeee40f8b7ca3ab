SELECT count(*)
FROM temp._crdt_turned AS turned
JOIN ${table} AS shown ON ${shown_is_turned}
