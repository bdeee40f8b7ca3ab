INSERT INTO temp._crdt_row (${keys}, inserted, written, latest, removed, held ${updates})
SELECT ${keys}, inserted, written, latest, removed, held ${updates}
FROM ${events_by_row}
