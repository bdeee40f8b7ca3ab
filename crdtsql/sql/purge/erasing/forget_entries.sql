DELETE FROM _crdt_conflict
WHERE id IN (SELECT id FROM (${seen}) WHERE won_seen AND lost_seen)
