SELECT min(start.seq)
FROM (
  SELECT min(progress.seq) AS seq
  FROM _crdt_progress AS progress
  JOIN temp._crdt_receiver AS receiver ON receiver.ordinal = progress.site
  WHERE progress.upto > receiver.upto
  UNION ALL
  -- Where it is not written down when a site's changes came, they may have come at any time. It is one condition, because SQLite
  -- would ask for the progress of all sites before it compares with the receiver's.
  SELECT 0
  FROM _crdt_site AS site
  JOIN temp._crdt_receiver AS receiver ON receiver.ordinal = site.ordinal
  WHERE CASE
      WHEN site.upto > receiver.upto
        THEN site.upto > ifnull((SELECT max(upto) FROM _crdt_progress AS progress WHERE progress.site = site.ordinal), 0)
      ELSE 0
    END
) AS start
