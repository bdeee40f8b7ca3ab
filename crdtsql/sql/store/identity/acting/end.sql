DELETE FROM main._crdt_acting
WHERE after >= (SELECT ifnull(max(seq), 0) FROM main._crdt_log);

INSERT INTO main._crdt_acting (after)
SELECT (SELECT ifnull(max(seq), 0) FROM main._crdt_log)
WHERE EXISTS (SELECT 1 FROM main._crdt_acting)
