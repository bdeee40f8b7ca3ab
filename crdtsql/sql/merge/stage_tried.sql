INSERT INTO temp._crdt_tried (${columns})
-- Every row of the merge as the user's table would show it, whether a statement has written it yet or not.
SELECT ${met_values}
FROM temp._crdt_met AS met
CROSS JOIN ${image}.${row_table} AS incoming ON incoming.rowid = met.id
JOIN ${table} AS target ON ${target_is_met}
WHERE met.gone IS NULL
UNION ALL
SELECT ${staged_values}
FROM temp._crdt_staged AS staged
WHERE NOT EXISTS (SELECT 1 FROM ${table} AS target WHERE ${target_is_staged})
UNION ALL
SELECT ${held_values}
FROM temp._crdt_met AS met
JOIN ${held} AS held ON held.id = met.old_held
WHERE met.gone IS NULL
  AND NOT EXISTS (SELECT 1 FROM ${table} AS target WHERE ${target_is_met})
UNION ALL
SELECT ${fresh_values}
FROM temp._crdt_arrived AS arrived
CROSS JOIN ${image}.${row_table} AS incoming ON incoming.rowid = arrived.id
WHERE arrived.fresh
  AND incoming.gone IS NULL
