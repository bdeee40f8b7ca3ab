SELECT name, value
FROM main._crdt_meta
WHERE name GLOB 'parked:*' OR name GLOB 'absent:*' OR name GLOB 'unique:*' OR name GLOB 'links:*'
