UPDATE ${held} AS held
SET reason = candidate.reason
FROM (
  SELECT
    id,
    CASE
      WHEN chosen AND dead THEN ${reason_restored}
      WHEN chosen THEN ${reason_masked_prefix} || masks
      WHEN dead THEN ${reason_deleted_waiting}
      ELSE why
    END AS reason
  FROM ${candidate}
  WHERE decided
) AS candidate
WHERE held.id = candidate.id AND held.reason <> candidate.reason
