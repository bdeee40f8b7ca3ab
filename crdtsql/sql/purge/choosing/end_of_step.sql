SELECT ${keys}
FROM ${clock} AS clock
WHERE ${after}
ORDER BY ${keys}
LIMIT 1 OFFSET :others
