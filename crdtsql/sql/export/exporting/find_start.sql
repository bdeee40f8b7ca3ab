SELECT min(start.seq)
FROM (
  SELECT min(progress.seq) AS seq
  FROM _crdt_progress AS progress
  JOIN temp._crdt_receiver AS receiver ON receiver.ordinal = progress.site
  WHERE progress.upto > receiver.upto
  UNION ALL
  -- Where it is not written down when a site's changes came, they may have come at any time.
  SELECT 0
  FROM temp._crdt_receiver AS receiver
  CROSS JOIN _crdt_site AS site ON site.ordinal = receiver.ordinal
  WHERE site.upto > ifnull((SELECT max(upto) FROM _crdt_progress AS progress WHERE progress.site = site.ordinal), 0)
) AS start
