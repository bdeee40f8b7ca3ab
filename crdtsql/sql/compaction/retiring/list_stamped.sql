SELECT entry.name, field.name
FROM main.sqlite_schema AS entry
JOIN pragma_table_info(entry.name, 'main') AS field
WHERE entry.type = 'table'
  AND entry.name GLOB '_crdt_*'
  AND (field.name = 's' OR field.name GLOB '*_s' OR (field.name = 'site' AND entry.name = '_crdt_foretold'))
