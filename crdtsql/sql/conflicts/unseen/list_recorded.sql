SELECT entry.won_t, entry.won_s, min(event.hlc), ${site_of_first}, entry.lost_t, entry.lost_s
FROM _crdt_conflict AS entry
CROSS JOIN ${clock} AS clock ON ${clock_is_entry}
CROSS JOIN temp._crdt_event AS event ON ${clock_is_event}
WHERE entry.id > :last
  AND event.tbl = :tbl
  AND (event.op = 1 OR (event.op = :op AND (event.detail >> :bit) & 1))
GROUP BY entry.id
