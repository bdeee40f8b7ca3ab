INSERT INTO ${parts} (${keys}, col, part, s, t, gone, v, n)
SELECT ${part_keys}, field.id, part.part, origin.local, part.t, part.gone, part.v, part.n
FROM ${image}.${part_table} AS part
CROSS JOIN (${positions}) AS field ON field.position = part.col
CROSS JOIN temp._crdt_from AS origin ON origin.remote = part.s
