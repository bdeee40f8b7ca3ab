SELECT entry.tbl_name, size.bytes
FROM (SELECT name, sum(pgsize) AS bytes FROM dbstat('main', 1) GROUP BY name) AS size
JOIN sqlite_schema AS entry ON entry.name = size.name AND entry.type IN ('table', 'index')
