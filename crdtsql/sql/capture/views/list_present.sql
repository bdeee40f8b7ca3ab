SELECT name, sql
FROM main.sqlite_schema
WHERE type IN ('view', 'trigger') AND name IN (SELECT value FROM json_each(:names))
