DELETE FROM ${held}
WHERE id IN (SELECT id FROM ${candidate} WHERE chosen AND NOT dead AND masks IS NULL)
