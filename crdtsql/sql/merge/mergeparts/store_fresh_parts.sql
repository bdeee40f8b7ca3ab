INSERT INTO ${parts} (${keys}, col, part, s, t, gone, v, n)
-- Cells of rows that are new here: nothing is to compare, and the value to show was sent with them.
SELECT ${incoming_keys}, :col, part.part, origin.local, part.t, part.gone, part.v, part.n
FROM ${arrived} AS arrived
CROSS JOIN ${image}.${row_table} AS incoming ON incoming.rowid = arrived.id
CROSS JOIN ${image}.${part_table} AS part ON ${part_is_incoming} AND part.col = :position
JOIN temp._crdt_from AS origin ON origin.remote = part.s
WHERE arrived.fresh AND (incoming.${word} >> ${incoming_bit}) & 1
