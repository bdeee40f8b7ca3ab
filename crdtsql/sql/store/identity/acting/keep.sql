DELETE FROM main._crdt_acting
WHERE id < (SELECT max(id) FROM main._crdt_acting) OR ifnull(actor, '') = '';

UPDATE main._crdt_acting
SET after = 0
WHERE after <> 0
