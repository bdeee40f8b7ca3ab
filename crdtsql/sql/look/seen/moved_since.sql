SELECT ${log_keys}
-- A row that stands under another key than its own is written where it stands.
FROM _crdt_log AS entry
CROSS JOIN main.${moved} AS moved ON ${moved_is_entry}
CROSS JOIN ${held} AS held ON held.id = moved.held
CROSS JOIN ${clock} AS clock ON ${clock_is_held}
WHERE entry.tbl = :tbl AND entry.seq > :after AND ifnull(clock.seq, :bulk) > :batch
LIMIT :most
