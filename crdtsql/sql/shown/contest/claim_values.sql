INSERT INTO temp._crdt_claim (number, id, ${terms})
SELECT :number, candidate.id, ${values}
FROM temp._crdt_candidate AS candidate
WHERE NOT candidate.refused
  AND ${is_claimed}
