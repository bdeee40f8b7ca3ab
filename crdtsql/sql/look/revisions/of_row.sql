SELECT printf('%d.%d', ifnull(clock.seq, :bulk), max(${stamps}))
FROM ${clock} AS clock
WHERE ${has_key}
