UPDATE temp._crdt_event
-- The event stays one of the row; the cell keeps its stamp.
SET detail = 0
WHERE seq IN (SELECT seq FROM ${writes} WHERE NOT counts)
