UPDATE ${on_conflict} ${table} AS shown
SET ${column} = ?1
WHERE (${key_columns}) = (SELECT ${keys} FROM temp._crdt_event WHERE seq = ?2)
