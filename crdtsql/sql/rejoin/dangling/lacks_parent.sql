SELECT 1
FROM ${child} AS child
WHERE ${child_is_row}
  AND ${refers}
  AND NOT EXISTS (SELECT 1 FROM ${parent} AS parent WHERE ${matches})
