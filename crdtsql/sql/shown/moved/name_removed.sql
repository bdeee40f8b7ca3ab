UPDATE ${held}
SET (${keys}) = (SELECT ${keys} FROM ${held} WHERE id = :held)
WHERE id IN (
  SELECT detail
  FROM temp._crdt_event
  WHERE tbl = :tbl AND op IN (2, 3) AND hlc <= :last
    AND (${keys}) = (SELECT ${keys} FROM main.${moved} WHERE held = :held)
)
