SELECT seq, hlc, s, op, detail
FROM temp._crdt_event
WHERE tbl = :tbl AND hlc < :anew AND (${keys}) = (SELECT ${keys} FROM ${held} WHERE id = :held)
