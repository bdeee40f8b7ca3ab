UPDATE ${born} AS target
SET k1 = moved.new,
  -- A row that was refused its number there, by a row that is not known here, may have it here.
  was = nullif(target.was, moved.new)
FROM temp._crdt_moved AS moved
WHERE moved.old = target.k1
