FROM _crdt_site AS site
CROSS JOIN temp._crdt_receiver AS receiver ON receiver.ordinal = site.ordinal AND receiver.upto < site.upto
CROSS JOIN _crdt_attribution AS known
  ON known.site = site.ordinal
  -- From the last one on that begins with an event which the receiver has.
  AND known.since >= ifnull((
    SELECT max(earlier.since)
    FROM _crdt_attribution AS earlier
    WHERE earlier.site = site.ordinal AND earlier.since <= receiver.upto
  ), 0)
  AND known.upto > receiver.upto
