UPDATE ${candidate} AS candidate
SET ${column} = ${value}
WHERE (:id IS NULL OR candidate.id = :id) AND (:form IS NULL OR candidate.form = :form)
