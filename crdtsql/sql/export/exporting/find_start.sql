SELECT min(progress.seq)
FROM _crdt_progress AS progress
JOIN temp._crdt_receiver AS receiver ON receiver.ordinal = progress.site
WHERE progress.upto > receiver.upto
