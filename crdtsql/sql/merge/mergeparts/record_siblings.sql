INSERT INTO _crdt_conflict (id, tbl, col, part, won_t, won_s, won, lost_t, lost_s, lost, took, ${keys})
-- Values of one part that nobody has written over: the one that is shown against each other, where one of them is new here.
WITH value AS (
  SELECT
    part.id AS id,
    part.part AS part,
    part.t AS t,
    part.s AS s,
    part.v AS v,
    part.mine AS mine,
    row_number() OVER (PARTITION BY part.id, part.part ORDER BY part.t DESC, site.id DESC) AS place
  FROM temp._crdt_part AS part
  JOIN _crdt_site AS site ON site.ordinal = part.s
  WHERE part.gone IS NULL AND (part.part <> '') = :splits
)
SELECT
  :last_conflict + row_number() OVER (),
  :tbl,
  :col,
  shown.part,
  shown.t,
  shown.s,
  shown.v,
  other.t,
  other.s,
  other.v,
  CASE WHEN shown.mine IS NULL THEN 'theirs' ELSE 'ours' END,
  ${cell_keys}
FROM value AS shown
JOIN value AS other ON other.id = shown.id AND other.part = shown.part AND other.place > 1
JOIN temp._crdt_incoming_cell AS cell ON cell.id = shown.id
WHERE shown.place = 1
  AND shown.v IS NOT other.v
  AND (shown.mine IS NULL OR other.mine IS NULL)
