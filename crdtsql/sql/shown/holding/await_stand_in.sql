UPDATE ${held}
SET reason = CASE WHEN reason GLOB ${reason_like_deleted} THEN ${reason_deleted_waiting} ELSE ${reason_waiting} END
WHERE id = ?
