UPDATE ${clock} AS clock
SET held = NULL
FROM ${candidate} AS candidate
WHERE candidate.chosen AND NOT candidate.dead AND candidate.masks IS NULL
  AND ${clock_is_candidate}
