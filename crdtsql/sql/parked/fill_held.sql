UPDATE ${held}
SET ${value} = :default
WHERE id IN (SELECT :held_base + arrived.id FROM temp._crdt_arrived AS arrived WHERE arrived.fresh)
