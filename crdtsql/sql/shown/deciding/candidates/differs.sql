SELECT 1
FROM ${candidate} AS truth
JOIN ${candidate} AS shown ON shown.id = truth.id AND shown.form = :form
WHERE truth.id = :id AND truth.form = 0
  AND (truth.${column} COLLATE BINARY IS NOT shown.${column} OR typeof(truth.${column}) <> typeof(shown.${column}))
