SELECT NULL AS "table", NULL AS old, NULL AS new, NULL AS "when"
WHERE 0
