UPDATE ${on_conflict} ${table} AS shown
SET ${settings}
WHERE (${key_columns}) = (SELECT ${keys} FROM main.${moved} WHERE held = :held)
