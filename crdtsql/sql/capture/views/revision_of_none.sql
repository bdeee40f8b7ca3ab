SELECT NULL AS tbl, NULL AS "key", NULL AS revision
WHERE 0
