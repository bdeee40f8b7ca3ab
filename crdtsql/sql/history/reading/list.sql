SELECT
  entry.at, lower(hex(entry.site)), entry.op, entry.columns, entry.seen, entry.since, entry.actor, entry.session, entry.run, entry.note, ${keys}${values}
FROM ${history} AS entry
WHERE entry.op < 9 AND ${where}
ORDER BY entry.at, entry.site, entry.op
