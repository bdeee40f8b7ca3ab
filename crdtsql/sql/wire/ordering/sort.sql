INSERT INTO ${row} (${columns})
SELECT ${columns}
FROM unordered
ORDER BY ${keys}
