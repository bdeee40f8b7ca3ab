SELECT held.reason, ${columns}
FROM ${held} AS held
WHERE ${scope}
ORDER BY ${keys}
