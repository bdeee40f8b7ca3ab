DELETE FROM ${held}
WHERE id IN (SELECT id FROM temp._crdt_candidate WHERE chosen AND NOT dead AND masks IS NULL)
