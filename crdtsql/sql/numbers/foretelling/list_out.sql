INSERT OR IGNORE INTO ${out} (${keys})
SELECT ${keys}
FROM temp._crdt_event AS event
WHERE event.tbl = :tbl AND (${is_foretold})
