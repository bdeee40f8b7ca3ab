UPDATE ${on_conflict} ${table} AS target
SET ${column} = ${value}
FROM _crdt_conflict AS entry
WHERE entry.id = :id
  AND ${target_is_entry}
