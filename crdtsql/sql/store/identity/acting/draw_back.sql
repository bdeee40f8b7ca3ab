UPDATE main._crdt_acting
SET after = (SELECT ifnull(max(seq), 0) FROM main._crdt_log)
WHERE after > (SELECT ifnull(max(seq), 0) FROM main._crdt_log)
