SELECT entry.at, entry.site, entry.op
FROM ${clock} AS clock
JOIN ${history} AS entry ON ${entry_is_clock}
WHERE ${within} AND ${is_purged}
LIMIT :most
