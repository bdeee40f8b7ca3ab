UPDATE ${held}
SET reason = 'deleted'
WHERE reason <> 'deleted' AND reason = 'deleted, waiting'
