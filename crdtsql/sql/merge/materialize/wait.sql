UPDATE ${held} AS target
SET reason = CASE WHEN met.gone = 1 THEN ${reason_deleted} ELSE ${reason_waiting} END
FROM ${met} AS met
WHERE target.id = met.old_held
