SELECT id, won_t, won_s, lost_t, lost_s, t, s
-- The present value of a part is what its first head wrote, or else a whole write.
FROM (
  SELECT
    entry.id AS id,
    entry.won_t AS won_t,
    entry.won_s AS won_s,
    entry.lost_t AS lost_t,
    entry.lost_s AS lost_s,
    ifnull(head.t, ifnull(clock.${t}, clock.t)) AS t,
    ifnull(head.s, ifnull(clock.${s}, clock.s)) AS s,
    row_number() OVER (
      PARTITION BY entry.id
      ORDER BY
        head.part <> '' DESC,
        head.gone IS NOT NULL,
        -- Of several whole writes, one that has the leaf.
        head.part = '' AND EXISTS (SELECT 1 FROM (${leaves}) AS leaf WHERE leaf.part = entry.part) DESC,
        head.t DESC,
        site.id DESC
    ) AS place
  FROM ${source}
  LEFT JOIN ${parts} AS head ON ${head_is_clock} AND head.col = entry.col AND (head.part = entry.part OR head.part = '')
  LEFT JOIN _crdt_site AS site ON site.ordinal = head.s
  WHERE entry.tbl = :tbl
    AND entry.col = :col
    AND entry.part <> ''
    AND ${entries}
    AND ${rows}
)
WHERE place = 1
