LEFT JOIN ${table} AS shown ON ${entry_is_shown}
