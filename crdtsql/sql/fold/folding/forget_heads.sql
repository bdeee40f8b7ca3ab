DELETE FROM ${heads}
WHERE (${keys}, s) IN (
  SELECT ${heads_keys}, heads.s
  FROM temp._crdt_event AS event
  JOIN ${heads} AS heads ON ${heads_is_event}
  JOIN ${clock} AS clock ON ${clock_is_heads}
  WHERE event.tbl = :tbl AND clock.many IS NULL
)
