DELETE FROM _crdt_retired
WHERE id NOT IN (SELECT id FROM _crdt_site)
  AND ended < (SELECT ended FROM _crdt_retired ORDER BY ended DESC LIMIT 1 OFFSET :most)
