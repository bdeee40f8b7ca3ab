SELECT candidate.id, ${stamps}
FROM ${candidate} AS candidate
JOIN ${clock} AS clock ON ${clock_is_candidate}
WHERE candidate.form = 0
