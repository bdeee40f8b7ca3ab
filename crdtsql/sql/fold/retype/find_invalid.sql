SELECT ${value}, ${keys}
FROM ${held}
WHERE ${invalid}
LIMIT 1
