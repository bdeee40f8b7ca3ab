SELECT candidate.id, ${stamps}
FROM temp._crdt_candidate AS candidate
JOIN ${clock} AS clock ON ${clock_is_candidate}
WHERE NOT candidate.refused
