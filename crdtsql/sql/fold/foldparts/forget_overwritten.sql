DELETE FROM temp._crdt_write AS write
WHERE hlc <= (SELECT whole FROM temp._crdt_cell AS cell WHERE cell.id = write.id)
