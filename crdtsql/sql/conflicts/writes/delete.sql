DELETE FROM ${table}
WHERE ${has_key}
