SELECT seq, op, detail
FROM temp._crdt_event
WHERE tbl = :tbl AND hlc > :anew AND (${keys}) = (SELECT ${keys} FROM main.${moved} WHERE held = :held)
ORDER BY seq
