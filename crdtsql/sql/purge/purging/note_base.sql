INSERT INTO ${parts} (${keys}, col, part, s, t, v)
SELECT ${purge_keys}, :col, '', purge.s, purge.t, 0
FROM temp._crdt_purge AS purge
WHERE purge.tbl = :tbl
  AND EXISTS (SELECT 1 FROM ${parts} AS total WHERE ${total_is_purge} AND total.col = :col AND total.part >= '+' AND total.part < ',')
