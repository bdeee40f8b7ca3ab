SELECT entry.name, field.name, field.pk
FROM main.sqlite_schema AS entry
JOIN pragma_table_info(entry.name, 'main') AS field
WHERE entry.type = 'table'
  AND entry.name GLOB '_crdt_*'
ORDER BY entry.name, field.cid
