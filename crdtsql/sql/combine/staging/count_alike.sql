SELECT count(*)
FROM ${staged} AS staged
CROSS JOIN ${table} AS shown ON ${shown_is_staged}
WHERE NOT CASE ${differs} ELSE 0 END
