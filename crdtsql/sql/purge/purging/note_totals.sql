INSERT INTO ${parts} (${keys}, col, part, s, t, v, n)
-- The base of a counter notes the totals that its writer had seen, so that they count no more.
SELECT ${purge_keys}, :col, lower(hex(site.id)) || CASE total.part WHEN '+' THEN '' ELSE total.part END, purge.s, purge.t, total.v, total.t
FROM temp._crdt_purge AS purge
JOIN ${parts} AS total ON ${total_is_purge} AND total.col = :col AND total.part >= '+' AND total.part < ','
JOIN _crdt_site AS site ON site.ordinal = total.s
WHERE purge.tbl = :tbl
