DELETE FROM ${held}
WHERE id IN (SELECT met.old_held FROM temp._crdt_met AS met WHERE met.gone IS NULL AND met.old_gone = 1)
