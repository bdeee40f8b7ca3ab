UPDATE ${clock}
SET ${t} = ?1, ${s} = ?2
WHERE (${keys}) = (SELECT ${keys} FROM ${held} WHERE id = ?3)
