INSERT INTO _crdt_peer (site, known, upto)
VALUES (?1, ?2, ?3)
ON CONFLICT (site, known) DO UPDATE SET upto = excluded.upto
