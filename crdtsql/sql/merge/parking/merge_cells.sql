INSERT INTO ${parked} AS mine (${keys}, col, v, t, s)
SELECT ${incoming_keys}, :col, incoming.${value}, ifnull(incoming.${t}, incoming.t), origin.local
FROM ${arrived} AS arrived
CROSS JOIN ${image}.${row_table} AS incoming ON incoming.rowid = arrived.id
JOIN temp._crdt_from AS origin ON origin.remote = ifnull(incoming.${s}, incoming.s)
WHERE (incoming.${word} >> ${incoming_bit}) & 1
ON CONFLICT DO UPDATE
SET v = CASE WHEN :merged OR ${newer} THEN excluded.v ELSE v END,
  t = CASE WHEN ${newer} THEN excluded.t ELSE t END,
  s = CASE WHEN ${newer} THEN excluded.s ELSE s END
