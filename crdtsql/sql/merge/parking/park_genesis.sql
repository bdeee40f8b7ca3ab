INSERT OR REPLACE INTO ${parked} (${keys}, col, v, t, s)
SELECT ${user_keys}, :col, shown.${column}, :genesis_t, :genesis_s
FROM ${table} AS shown
WHERE NOT EXISTS (SELECT 1 FROM ${clock} AS clock WHERE ${shown_is_clock})
