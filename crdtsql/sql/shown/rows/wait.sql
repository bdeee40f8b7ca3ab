UPDATE ${held}
SET reason = CASE WHEN :gone THEN 'deleted' ELSE 'waiting' END
WHERE id IN (SELECT old_held FROM temp._crdt_turned)
