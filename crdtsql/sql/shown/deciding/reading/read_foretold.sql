UPDATE ${candidate} AS candidate
SET ${key} = ${written}
WHERE candidate.form = 0 AND candidate.${key} IN (SELECT foretold.id FROM main._crdt_foretold AS foretold)
