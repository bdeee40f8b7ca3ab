SELECT ${column} AS value FROM ${table}
UNION ALL
SELECT ${held_value} FROM ${held}
