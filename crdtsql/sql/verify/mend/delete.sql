DELETE FROM ${table}
WHERE ${is_row}
