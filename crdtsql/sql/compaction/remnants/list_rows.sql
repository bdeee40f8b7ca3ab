SELECT ${columns}
FROM main.${table}
WHERE ${after}
ORDER BY ${key}
LIMIT :most
