SELECT 1
-- Of the first rows; the others are as these are.
FROM (SELECT (${keys}) < (${before}) AS is_below FROM (SELECT rowid, ${keys} FROM ${row} LIMIT 1000))
WHERE is_below
LIMIT 1
