SELECT 1
FROM ${met}
GROUP BY ${keys}
HAVING count(*) > 1
LIMIT 1
