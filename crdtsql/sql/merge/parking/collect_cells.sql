INSERT INTO temp._crdt_incoming_cell (id, ${keys}, theirs_split, theirs, their_t, their_s, mine_split, mine, mine_t, mine_s)
-- A whole write that supersedes a whole write needs no look at parts, nor does one that is new here.
SELECT id, ${keys}, theirs_split, theirs, their_t, their_s, mine_split, mine, mine_t, mine_s
FROM (
  SELECT
    incoming.rowid AS id,
    ${incoming_keys},
    ${theirs_split} AS theirs_split,
    (incoming.${word} >> ${incoming_bit}) & 1 AS sent,
    incoming.${value} AS theirs,
    ifnull(incoming.${t}, incoming.t) AS their_t,
    (SELECT local FROM temp._crdt_from WHERE remote = ifnull(incoming.${s}, incoming.s)) AS their_s,
    ${mine_split} AS mine_split,
    mine.v AS mine,
    mine.t AS mine_t,
    mine.s AS mine_s
  FROM ${arrived} AS arrived
  CROSS JOIN ${image}.${row_table} AS incoming ON incoming.rowid = arrived.id
  LEFT JOIN ${parked} AS mine ON ${mine_is_incoming} AND mine.col = :col
)
WHERE theirs_split
  OR (
    sent
    AND mine_t IS NOT NULL
    AND (
      mine_split
      OR (mine_t & 4611686018427387903) > ifnull((SELECT upto FROM temp._crdt_theirs WHERE ordinal = mine_s), 0)
    )
  )
