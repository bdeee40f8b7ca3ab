INSERT INTO ${image}.${part_table} (${keys}, col, part, s, t, gone, v, n)
-- Of the cells of the rows that are sent: the heads of each part that has a new head; all parts if a whole write is new. Else the value of the whole is known.
SELECT ${keys}, position, part, s, t, gone, CASE WHEN part <> '' OR whole_new OR NOT splits OR t = -4611686018427387904 THEN v END, n
FROM (
  SELECT
    ${sent_keys},
    field.position AS position,
    field.splits AS splits,
    part.part AS part,
    part.s AS s,
    part.t AS t,
    part.gone AS gone,
    part.v AS v,
    part.n AS n,
    max((part.t & 4611686018427387903) > receiver.upto) OVER (PARTITION BY sent.rowid, part.col, part.part) AS part_new,
    max(part.part = '' AND (part.t & 4611686018427387903) > receiver.upto) OVER (PARTITION BY sent.rowid, part.col) AS whole_new
  FROM ${image}.${row_table} AS sent
  CROSS JOIN ${parts} AS part ON ${part_is_sent}
  JOIN (${positions}) AS field ON field.id = part.col
  LEFT JOIN temp._crdt_receiver AS receiver ON receiver.ordinal = part.s
)
WHERE part = '' OR part_new OR whole_new
