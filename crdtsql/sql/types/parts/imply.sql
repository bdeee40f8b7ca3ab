INSERT INTO temp._crdt_part (id, part, s, t, v, ${whose})
SELECT whole.cell, implied.part, whole.s, whole.t, implied.v, 2
FROM (${split}) AS implied
JOIN temp._crdt_whole AS whole ON whole.id = implied.id
WHERE NOT EXISTS (
  SELECT 1 FROM temp._crdt_part AS said WHERE said.id = whole.cell AND said.part = implied.part AND said.${whose} = 1
)
ON CONFLICT DO UPDATE SET v = excluded.v, ${whose} = excluded.${whose}
