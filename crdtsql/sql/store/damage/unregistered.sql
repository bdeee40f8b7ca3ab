SELECT known.name
FROM _crdt_table AS known
LEFT JOIN _crdt_column AS field ON field.tbl = known.id
GROUP BY known.id
HAVING count(field.id) = 0 OR sum(field.id < 0) <> known.key_count OR max(field.id) + 1 <> sum(field.id >= 0)
