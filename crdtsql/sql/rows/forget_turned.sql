DELETE FROM ${held}
WHERE id IN (SELECT old_held FROM temp._crdt_turned)
