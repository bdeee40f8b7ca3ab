SELECT 1
-- An incoming row that is more than an update of columns without a constraint, of a row that is shown here as it is.
FROM ${image}.${row_table} AS incoming
LEFT JOIN ${clock} AS clock ON ${clock_is_incoming}
LEFT JOIN temp._crdt_from AS origin ON origin.remote = incoming.s
WHERE clock.t IS NULL OR clock.gone IS NOT NULL OR clock.held IS NOT NULL OR clock.many IS NOT NULL
  OR incoming.gone IS NOT NULL OR incoming.many IS NOT NULL OR incoming.t <> clock.t OR origin.local IS NOT clock.s${or_sent}
LIMIT 1
