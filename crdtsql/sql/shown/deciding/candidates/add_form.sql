INSERT INTO ${candidate} (id, form, dead, suffix, digits, ${columns})
SELECT truth.id, :form, truth.dead, truth.suffix, truth.digits, ${values}
FROM ${candidate} AS truth
WHERE truth.form = 0 AND (:id IS NULL OR truth.id = :id)
ON CONFLICT DO NOTHING
