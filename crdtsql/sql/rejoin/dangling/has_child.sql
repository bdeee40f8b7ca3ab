SELECT 1
FROM ${parent} AS parent
JOIN ${child} AS child ON ${matches}
WHERE ${parent_is_row}
  AND ${is_another}
LIMIT 1
