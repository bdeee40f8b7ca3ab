INSERT INTO ${candidate} (id, form, dead, suffix, digits, ${columns})
-- Form -1: the truth of a row some of whose references are read otherwise.
SELECT truth.id, -1, mine.dead, mine.suffix, mine.digits, ${truth_columns}
FROM ${candidate} AS mine
CROSS JOIN ${held} AS truth ON truth.id = mine.id
WHERE mine.form = 0 AND (${differs})
