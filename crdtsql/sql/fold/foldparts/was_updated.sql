EXISTS (SELECT 1 FROM temp._crdt_write AS write WHERE write.id = cell.id AND write.hlc > ifnull(cell.whole, 0))
