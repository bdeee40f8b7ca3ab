SELECT reason, ${columns}
FROM ${held}
WHERE ${scope}
ORDER BY ${keys}
