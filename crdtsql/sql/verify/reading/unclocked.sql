SELECT ${stands_elsewhere}, ${columns}
FROM ${table} AS shown
WHERE NOT EXISTS (SELECT 1 FROM ${clock} AS clock WHERE ${shown_is_clock})
