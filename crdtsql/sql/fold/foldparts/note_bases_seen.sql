INSERT INTO ${parts} (${keys}, col, part, s, t, v, n)
-- The base of a counter notes the totals that its writer had seen.
SELECT ${cell_keys}, :col, lower(hex(site.id)) || CASE total.part WHEN '+' THEN '' ELSE total.part END, cell.whole_s, cell.whole, total.v, total.t
FROM temp._crdt_cell AS cell
JOIN ${parts} AS total ON ${total_is_cell} AND total.col = :col AND total.part >= '+' AND total.part < ','
JOIN _crdt_site AS site ON site.ordinal = total.s
WHERE cell.whole IS NOT NULL
