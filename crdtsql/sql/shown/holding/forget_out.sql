DELETE FROM temp._crdt_out
WHERE (${keys}) IN (SELECT ${keys} FROM ${held} WHERE id = ?)
