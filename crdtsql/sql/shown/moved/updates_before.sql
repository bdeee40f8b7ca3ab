SELECT hlc, s, op, detail
FROM temp._crdt_event
WHERE tbl = :tbl AND hlc < :anew AND op > 3 AND (${keys}) = (SELECT ${keys} FROM ${held} WHERE id = :held)
