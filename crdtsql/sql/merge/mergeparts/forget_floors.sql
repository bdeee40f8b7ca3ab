DELETE FROM temp._crdt_part
WHERE part = '' AND id IN (SELECT id FROM temp._crdt_incoming_cell WHERE settled)
