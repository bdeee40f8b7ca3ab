UPDATE temp._crdt_event
SET (${keys}) = (SELECT ${keys} FROM ${held} WHERE id = :held)
WHERE seq IN (SELECT value ->> 0 FROM json_each(:later));

UPDATE ${held}
SET (${keys}) = (SELECT ${keys} FROM ${held} WHERE id = :held)
WHERE id IN (SELECT value ->> 2 FROM json_each(:later) WHERE value ->> 1 IN (2, 3))
