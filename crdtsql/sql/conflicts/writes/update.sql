UPDATE ${on_conflict} ${table}
SET ${settings}
WHERE ${has_key}
