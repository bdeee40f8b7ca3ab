INSERT OR IGNORE INTO ${out} (${keys})
SELECT ${keys}
FROM temp._crdt_refused
