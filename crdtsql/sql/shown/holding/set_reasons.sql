UPDATE ${held} AS held
SET reason = candidate.reason
FROM (
  SELECT
    id,
    CASE
      WHEN chosen AND dead THEN 'deleted, shown: referenced'
      WHEN chosen THEN 'masked: ' || masks
      WHEN dead THEN 'deleted, waiting'
      ELSE why
    END AS reason
  FROM temp._crdt_candidate
) AS candidate
WHERE held.id = candidate.id AND held.reason <> candidate.reason
