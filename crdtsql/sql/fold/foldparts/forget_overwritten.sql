DELETE FROM temp._crdt_write
WHERE hlc <= (SELECT whole FROM temp._crdt_cell AS cell WHERE cell.id = _crdt_write.id)
