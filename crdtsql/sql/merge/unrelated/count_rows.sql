SELECT count(*)
FROM ${image}.${row_table} AS incoming
CROSS JOIN ${table} AS shown ON ${shown_is_incoming}
WHERE incoming.gone IS NULL
  AND CASE ${differs} ELSE 0 END
