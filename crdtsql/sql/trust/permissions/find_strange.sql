-- Whether a row has a cell that was sent and is not of one site.
SELECT 1 FROM ${image}.${row_table} AS incoming WHERE 1 IN (0 ${cells}) LIMIT 1
