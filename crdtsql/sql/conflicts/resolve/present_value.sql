SELECT shown.${column}
FROM ${table} AS shown
JOIN _crdt_conflict AS entry ON ${shown_is_entry}
WHERE entry.id = ?
