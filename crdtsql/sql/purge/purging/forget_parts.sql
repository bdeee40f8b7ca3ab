DELETE FROM ${parts}
WHERE (${keys}) IN (SELECT ${keys} FROM temp._crdt_purge WHERE tbl = :tbl) AND col = :col AND NOT (:keeps_totals AND part >= '+' AND part < ',')
