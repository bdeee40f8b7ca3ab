child.form = 0
    AND NOT EXISTS (SELECT 1 FROM ${candidate} AS truth WHERE truth.id = child.id AND truth.form = -1 AND (${differs}))
