UPDATE ${on_conflict} ${table} SET ${settings}
WHERE ${is_row}
