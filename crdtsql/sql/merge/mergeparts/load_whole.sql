INSERT INTO temp._crdt_part (id, part, s, t, v, ${whose})
SELECT id, '', CASE WHEN ${prefix}_t = -4611686018427387904 THEN :self ELSE ${prefix}_s END, ${prefix}_t, ${whose}, 1
FROM temp._crdt_incoming_cell
WHERE NOT ${whose}_split AND ${prefix}_t IS NOT NULL
ON CONFLICT DO UPDATE SET v = excluded.v, ${whose} = 1
