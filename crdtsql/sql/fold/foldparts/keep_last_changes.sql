DELETE FROM temp._crdt_change AS earlier
WHERE EXISTS (
  SELECT 1 FROM temp._crdt_change AS later WHERE later.id = earlier.id AND later.part = earlier.part AND later.i > earlier.i
)
