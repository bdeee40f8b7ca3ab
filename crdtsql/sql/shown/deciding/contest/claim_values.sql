INSERT INTO ${claims} (number, id, form, ${terms})
SELECT :number, candidate.id, candidate.form, ${values}
FROM ${candidate} AS candidate
WHERE (candidate.form & :other_marks = 0 OR candidate.form = -1)  -- what a row is, besides what it is read as
  AND (:id IS NULL OR candidate.id = :id)
  AND (:form IS NULL OR candidate.form = :form)
  AND ${is_claimed}
