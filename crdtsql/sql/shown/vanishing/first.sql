SELECT ${keys}
FROM (${vanished})
ORDER BY ${keys}
LIMIT 5
