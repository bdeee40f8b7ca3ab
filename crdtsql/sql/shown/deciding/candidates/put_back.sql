INSERT ${on_conflict} INTO ${table} (${columns})
SELECT ${candidate_columns}
FROM ${candidate} AS candidate
WHERE (:id IS NULL AND candidate.chosen) OR (candidate.id = :id AND candidate.form = :form)
ORDER BY candidate.id
