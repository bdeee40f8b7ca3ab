SELECT ${columns}
FROM main.${table} AS shown
JOIN crdtsql_before.${table} AS old ON ${same_key}
WHERE NOT (${same_cells})
