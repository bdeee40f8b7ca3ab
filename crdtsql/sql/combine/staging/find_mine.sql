UPDATE ${staged} AS staged
-- NULL: no row has this key here; 0: one has, with equal values; 1: with others.
SET mine = CASE ${differs} ELSE 0 END
FROM ${table} AS shown
WHERE ${shown_is_staged}
