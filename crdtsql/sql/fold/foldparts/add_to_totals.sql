INSERT INTO ${parts} (${keys}, col, part, s, t, v)
SELECT ${cell_keys}, :col, '+', :self, cell.updated, ifnull(cell.now, 0) - ifnull(cell.old, 0)
FROM temp._crdt_cell AS cell
WHERE cell.updated IS NOT NULL
ON CONFLICT DO UPDATE SET v = v + excluded.v, t = excluded.t
