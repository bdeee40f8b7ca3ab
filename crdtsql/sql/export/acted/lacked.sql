FROM temp._crdt_receiver AS receiver
CROSS JOIN _crdt_site AS site ON site.ordinal = receiver.ordinal
CROSS JOIN _crdt_attribution AS known
  ON known.site = receiver.ordinal
  -- From the last one on that begins with an event which the receiver has.
  AND known.since >= ifnull((
    SELECT max(earlier.since)
    FROM _crdt_attribution AS earlier
    WHERE earlier.site = receiver.ordinal AND earlier.since <= receiver.upto
  ), 0)
  -- A file that rejoined knows who wrote events that its vector does not cover any more.
  AND known.since <= site.upto
  AND min(known.upto, site.upto) > receiver.upto
