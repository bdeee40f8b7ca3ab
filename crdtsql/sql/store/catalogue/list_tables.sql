SELECT id, name, genesis_t, genesis_s, bulk, rows, granularity, identity, uid
FROM _crdt_table
WHERE (?1 IS NULL OR name = ?1) AND (?2 IS NULL OR uid = ?2)
ORDER BY name
