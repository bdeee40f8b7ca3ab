INSERT INTO ${image}.${row_table} (${keys}, t, s, ${words} ${value_columns})
SELECT ${user_keys}, :genesis_t, :genesis_s, ${masks} ${values}
FROM ${table} AS shown
WHERE NOT EXISTS (SELECT 1 FROM ${clock} AS clock WHERE ${clock_is_shown})
  AND NOT ${stands_elsewhere}
