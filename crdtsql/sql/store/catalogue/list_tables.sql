SELECT id, name, genesis_t, genesis_s, bulk, rows, granularity, identity, uid
FROM _crdt_table
WHERE :name IS NULL OR name = :name
ORDER BY name
