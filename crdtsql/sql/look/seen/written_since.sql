SELECT ${log_keys}
FROM _crdt_log AS entry
LEFT JOIN ${clock} AS clock ON ${clock_is_entry}
WHERE entry.tbl = :tbl AND entry.seq > :after AND ifnull(clock.seq, :bulk) > :batch
LIMIT :most
