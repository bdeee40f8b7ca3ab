SELECT shown.id
FROM ${candidate} AS shown
CROSS JOIN ${held} AS truth ON truth.id = shown.id
WHERE shown.chosen AND ${differs}
