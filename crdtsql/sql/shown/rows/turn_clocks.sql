UPDATE ${clock} AS clock
SET dot_t = CASE WHEN turned.t = clock.t AND turned.s = clock.s THEN NULL ELSE turned.t END,
  dot_s = CASE WHEN turned.t = clock.t AND turned.s = clock.s THEN NULL ELSE turned.s END,
  gone = :gone,
  held = ifnull(turned.old_held, :held_base + turned.id)
FROM temp._crdt_turned AS turned
WHERE ${clock_is_turned}
