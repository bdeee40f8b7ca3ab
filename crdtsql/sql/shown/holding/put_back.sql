INSERT ${on_conflict} INTO ${table} (${columns})
SELECT ${candidate_columns}
FROM temp._crdt_candidate AS candidate
WHERE (candidate.chosen OR :first = :last) AND candidate.id BETWEEN :first AND :last
ORDER BY candidate.id
