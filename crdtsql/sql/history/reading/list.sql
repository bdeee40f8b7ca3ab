SELECT
  entry.at, lower(hex(entry.site)), entry.op, entry.columns, entry.seen, entry.since, entry.actor, entry.session, entry.run, entry.note, ${keys}${values}
FROM ${history} AS entry
WHERE ${is_sound}
  AND ${where}
ORDER BY entry.at, entry.site, entry.op
