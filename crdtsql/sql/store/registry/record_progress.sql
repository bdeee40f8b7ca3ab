INSERT INTO _crdt_progress (seq, site, upto)
VALUES (?1, ?2, ?3)
ON CONFLICT (seq, site) DO UPDATE SET upto = excluded.upto
