SELECT sql
FROM main.sqlite_schema
WHERE tbl_name = ? COLLATE NOCASE AND type IN ('table', 'index') AND sql IS NOT NULL
ORDER BY type DESC, name
