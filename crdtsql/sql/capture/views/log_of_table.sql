SELECT arrived.seq AS batch, arrived.site AS site, upto, ${id} AS tbl, ${key} AS "key", ${columns}, (SELECT reason FROM ${held} WHERE id = held) AS held, json_array(${stamps}) AS stamps
FROM _crdt_progress AS arrived CROSS JOIN ${clock} AS clock
WHERE clock.seq >= arrived.seq AND arrived.site IN (s,dot_s${others})
UNION ALL
SELECT arrived.seq, arrived.site, upto, ${id}, ${key}, gone, t, s, dot_t, dot_s, (SELECT reason FROM ${held} WHERE id = held), json_array(${stamps})
FROM _crdt_progress AS arrived CROSS JOIN ${clock} AS clock
WHERE clock.seq IS NULL AND arrived.seq <= (SELECT bulk FROM _crdt_table WHERE id = ${id}) AND arrived.site IN (s,dot_s${others})
