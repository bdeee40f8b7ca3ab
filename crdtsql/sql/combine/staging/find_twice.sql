SELECT 1
FROM ${staged}
GROUP BY ${keys}
HAVING count(*) > 1
LIMIT 1
