SELECT candidate.id
FROM temp._crdt_candidate AS candidate
JOIN ${held} AS held ON held.id = candidate.id
WHERE NOT candidate.refused
  AND NOT held.reason GLOB ${reason_like_unique}
