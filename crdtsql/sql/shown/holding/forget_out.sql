DELETE FROM ${out}
WHERE (${keys}) IN (SELECT ${keys} FROM ${held} WHERE id = ?)
