UPDATE ${held}
SET reason = CASE WHEN reason GLOB 'deleted*' THEN 'deleted, waiting' ELSE 'waiting' END
WHERE id = ?
