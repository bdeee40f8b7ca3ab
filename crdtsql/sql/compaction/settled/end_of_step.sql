SELECT ${keys}
FROM ${clock}
WHERE ${after}
ORDER BY ${keys}
LIMIT 1 OFFSET :others
