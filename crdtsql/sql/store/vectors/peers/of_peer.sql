SELECT known.id, seen.upto
FROM _crdt_peer AS seen
JOIN _crdt_site AS known ON known.ordinal = seen.known
WHERE seen.site = ?
