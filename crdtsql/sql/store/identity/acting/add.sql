INSERT OR IGNORE INTO _crdt_attribution (site, since, upto, actor, session, run, note)
VALUES (?, ?, ?, ?, ?, ?, ?)
