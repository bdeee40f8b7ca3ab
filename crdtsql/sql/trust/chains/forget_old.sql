DELETE FROM main._crdt_link
WHERE data IS NULL AND number <= (SELECT max(other.number) FROM main._crdt_link AS other WHERE other.site = _crdt_link.site) - :kept
