UPDATE temp._crdt_event
SET (${keys}) = (SELECT ${keys} FROM ${held} WHERE id = :held)
WHERE tbl = :tbl AND hlc <= :last
  AND (${keys}) = (SELECT ${keys} FROM main.${moved} WHERE held = :held)
