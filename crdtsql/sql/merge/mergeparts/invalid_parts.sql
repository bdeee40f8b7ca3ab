SELECT 1
FROM ${image}.${part_table} AS part
WHERE part.col = :position AND NOT (${valid})
LIMIT 1
