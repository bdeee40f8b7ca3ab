INSERT OR IGNORE INTO _crdt_site (id, upto)
-- Of a retired site that comes to be named again, everything is here.
VALUES (?1, max(?2, ifnull((SELECT upto FROM _crdt_retired WHERE id = ?1), 0)))
