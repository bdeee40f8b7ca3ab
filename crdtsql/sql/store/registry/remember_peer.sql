INSERT INTO _crdt_peer (site, known, upto)
SELECT ?1, ordinal, ?3
FROM _crdt_site
WHERE id = ?2
ON CONFLICT (site, known) DO UPDATE SET upto = max(upto, excluded.upto)
