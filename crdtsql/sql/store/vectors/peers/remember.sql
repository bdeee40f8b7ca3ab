INSERT INTO _crdt_peer (site, known, upto)
SELECT ?1, ?2, ?3
WHERE NOT EXISTS (
  SELECT 1
  FROM _crdt_site AS site
  CROSS JOIN _crdt_retired AS retired ON retired.id = site.id
  WHERE site.ordinal IN (?1, ?2)
)
ON CONFLICT (site, known) DO UPDATE SET upto = excluded.upto WHERE excluded.upto > upto
