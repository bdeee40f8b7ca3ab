SELECT sql
FROM main.sqlite_schema
WHERE type IN ('index', 'trigger') AND tbl_name = ? COLLATE NOCASE AND sql IS NOT NULL
ORDER BY rowid
