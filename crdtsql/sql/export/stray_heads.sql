-- A row is marked with `many` exactly if it has further heads; a site has one head per row; a row with an add lives.
SELECT 1 FROM ${head} WHERE (${keys}) NOT IN (SELECT ${keys} FROM ${row} WHERE many = 1)
UNION ALL
SELECT 1 FROM ${row} WHERE many = 1 AND (${keys}) NOT IN (SELECT ${keys} FROM ${head})
UNION ALL
SELECT 1 FROM ${head} WHERE (${keys}, s) IN (SELECT ${keys}, ifnull(dot_s, s) FROM ${row} WHERE many = 1)
UNION ALL
SELECT 1 FROM ${head} WHERE gone IS NULL AND (${keys}) IN (SELECT ${keys} FROM ${row} WHERE gone = 1)
UNION ALL
SELECT 1 FROM (SELECT 1 FROM ${head} GROUP BY ${keys}, s HAVING count(*) > 1)
LIMIT 1
