DELETE FROM ${target}
WHERE (${keys}) IN (SELECT ${keys} FROM ${settled} WHERE becomes = :becomes)
