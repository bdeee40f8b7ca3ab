DELETE FROM ${heads}
WHERE (${keys}) IN (SELECT ${keys} FROM temp._crdt_purge WHERE tbl = :tbl)
