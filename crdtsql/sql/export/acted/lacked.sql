FROM temp._crdt_receiver AS receiver
CROSS JOIN _crdt_attribution AS known
  ON known.site = receiver.ordinal
  -- From the last one on that begins with an event which the receiver has.
  AND known.since >= ifnull((
    SELECT max(earlier.since)
    FROM _crdt_attribution AS earlier
    WHERE earlier.site = receiver.ordinal AND earlier.since <= receiver.upto
  ), 0)
  AND known.upto > receiver.upto
