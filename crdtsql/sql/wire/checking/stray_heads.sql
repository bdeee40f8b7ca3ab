-- A row is marked with `many` exactly if it has further heads; a site has one head per row; its first head is of the kind that decides.
SELECT 1 FROM ${head} WHERE (${keys}) NOT IN (SELECT ${keys} FROM ${row} WHERE many = 1)
UNION ALL
SELECT 1 FROM ${row} WHERE many = 1 AND (${keys}) NOT IN (SELECT ${keys} FROM ${head})
UNION ALL
SELECT 1 FROM ${head} WHERE (${keys}, s) IN (SELECT ${keys}, ifnull(dot_s, s) FROM ${row} WHERE many = 1)
UNION ALL
SELECT 1 FROM ${head} WHERE ${decides} AND (${keys}) IN (SELECT ${keys} FROM ${row} WHERE ${does_not})
UNION ALL
SELECT 1 FROM (SELECT 1 FROM ${head} GROUP BY ${keys}, s HAVING count(*) > 1)
LIMIT 1
