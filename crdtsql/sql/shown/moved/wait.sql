UPDATE ${held}
SET reason = CASE WHEN reason GLOB ${reason_like_deleted} THEN ${reason_deleted_waiting} ELSE ${reason_waiting} END
WHERE id IN (SELECT held FROM main.${moved} WHERE :held IS NULL OR held = :held)
