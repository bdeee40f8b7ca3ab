entry.op IN (${ops})
  AND typeof(entry.at) = 'integer'
  AND entry.at BETWEEN 1 AND ${highest}
  AND typeof(entry.site) = 'blob'
  AND length(entry.site) = 16
  AND (entry.since IS NULL OR (typeof(entry.since) = 'integer' AND entry.since BETWEEN 0 AND ${highest}))
  AND 'blob' NOT IN (
    typeof(entry.columns), typeof(entry.seen), typeof(entry.actor), typeof(entry.session), typeof(entry.run), typeof(entry.note)
  )
