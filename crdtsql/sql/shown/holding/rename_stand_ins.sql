UPDATE ${held} AS held
SET reason = CASE held.reason WHEN 'deleted, shown: referenced' THEN 'deleted, waiting' ELSE 'waiting' END
WHERE held.reason <> 'deleted' AND (held.reason = 'deleted, shown: referenced' OR held.reason GLOB 'masked: *')
