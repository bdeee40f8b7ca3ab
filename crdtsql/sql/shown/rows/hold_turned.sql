INSERT INTO ${held} (id, reason, ${held_columns})
SELECT :held_base + turned.id, ${reason_deleted}, ${shown_columns}
FROM temp._crdt_turned AS turned
JOIN ${table} AS shown ON ${shown_is_turned}
WHERE turned.old_held IS NULL
