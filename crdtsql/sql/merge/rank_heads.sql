UPDATE temp._crdt_head AS head
SET rank = ranked.rank
FROM (
  SELECT
    head.rowid AS number,
    row_number() OVER (
      PARTITION BY head.id
      ORDER BY head.gone IS NOT NULL, head.t DESC, (SELECT id FROM _crdt_site WHERE ordinal = head.s) DESC
    ) AS rank
  FROM temp._crdt_head AS head
) AS ranked
WHERE head.rowid = ranked.number
