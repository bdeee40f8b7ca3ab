UPDATE temp._crdt_row AS event
-- What is left of a cell's updates, or the whole write that came after all of them.
SET ${update} = coalesce(
  (SELECT max(write.hlc) FROM temp._crdt_write AS write WHERE write.id = event.id AND write.counts),
  (SELECT cell.whole FROM temp._crdt_cell AS cell WHERE cell.id = event.id)
)
WHERE id IN (SELECT write.id FROM temp._crdt_write AS write WHERE NOT write.counts)
