UPDATE ${held}
SET ${value} = (SELECT shown.${column} FROM ${table} AS shown WHERE ${shown_is_held})
WHERE id = :id
