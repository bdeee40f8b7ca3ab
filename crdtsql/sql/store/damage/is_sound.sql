SELECT 1
FROM main._crdt_meta AS fact
JOIN main._crdt_site AS site ON site.ordinal = fact.value
WHERE fact.name = 'self'
  AND length(site.id) = 16
  AND site.upto >= 0
  AND EXISTS (SELECT 1 FROM main._crdt_meta WHERE name = 'format')
  AND NOT EXISTS (SELECT name, key_count, genesis_t, genesis_s, bulk FROM main._crdt_table WHERE id IS NULL)
  AND NOT EXISTS (SELECT id, name, type, since FROM main._crdt_column WHERE tbl IS NULL)
