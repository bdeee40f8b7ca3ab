DELETE FROM ${parts}
WHERE col = :col AND (${keys}) IN (SELECT ${keys} FROM temp._crdt_incoming_cell WHERE NOT narrow)
