UPDATE ${held}
SET reason = CASE WHEN :gone THEN ${reason_deleted} ELSE ${reason_waiting} END
WHERE id IN (SELECT old_held FROM temp._crdt_turned)
