SELECT 1
FROM ${image}.${row_table} AS incoming
WHERE (incoming.${word} >> ${incoming_bit}) & 1
LIMIT 1
