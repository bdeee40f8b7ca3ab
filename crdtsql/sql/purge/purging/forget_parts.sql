DELETE FROM ${parts}
WHERE (${keys}) IN (SELECT ${keys} FROM temp._crdt_purge WHERE tbl = :tbl) AND col = :col AND part IS NOT :but
