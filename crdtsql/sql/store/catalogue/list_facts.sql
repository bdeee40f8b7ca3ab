SELECT json_group_array(json_array(name, value))
FROM main._crdt_meta
WHERE ${about_a_table}
