INSERT INTO ${ends} (id, rank, winner, ${end_keys}, ${columns})
SELECT truth.id, :rank, winner.id, ${winner_keys}, ${truth_columns}
FROM ${held} AS truth
CROSS JOIN ${candidate} AS winner ON winner.id = :winner AND winner.form = 0
WHERE truth.id = :id
