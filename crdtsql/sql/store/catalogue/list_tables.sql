-- One text, because a thousand rows take twice as long to fetch, and to compare with those of before.
SELECT json_group_array(json_array(id, name, genesis_t, genesis_s, bulk, rows, granularity, identity, uid))
FROM (
  SELECT id, name, genesis_t, genesis_s, bulk, rows, granularity, identity, uid
  FROM _crdt_table
  WHERE :name IS NULL OR name = :name
  ORDER BY name
)
