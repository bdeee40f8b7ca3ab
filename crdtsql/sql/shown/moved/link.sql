UPDATE ${clock}
SET held = :held, gone = NULL
WHERE (${keys}) = (SELECT ${keys} FROM ${held} WHERE id = :held)
