UPDATE ${held}
SET ${value} = shown.${column}
FROM ${table} AS shown
WHERE id = ?1
  AND (${key_columns}) = (SELECT ${keys} FROM main.${moved} WHERE held = ?1)
