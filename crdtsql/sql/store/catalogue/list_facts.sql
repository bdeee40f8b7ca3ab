SELECT name, value
FROM main._crdt_meta
WHERE ${about_a_table}
