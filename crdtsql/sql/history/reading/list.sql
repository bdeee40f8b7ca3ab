SELECT
  entry.at, lower(hex(entry.site)), entry.op, entry.columns, entry.seen, entry.since, entry.actor, entry.session, entry.run, entry.note,
  ${keys}${values}${shown}
FROM ${history} AS entry
${beside}
WHERE ${is_sound}
  AND ${where}
ORDER BY ${order}
LIMIT :limit
