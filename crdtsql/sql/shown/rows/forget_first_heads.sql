DELETE FROM ${heads}
WHERE (${keys}, s) IN (SELECT ${keys}, s FROM temp._crdt_turned)
