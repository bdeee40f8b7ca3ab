SELECT mine.id
FROM ${candidate} AS mine
CROSS JOIN ${held} AS truth ON truth.id = mine.id
WHERE mine.form = 0 AND (${differs})
