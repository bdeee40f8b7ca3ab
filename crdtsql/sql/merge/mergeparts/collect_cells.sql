INSERT INTO temp._crdt_incoming_cell (id, ${keys}, theirs_split, theirs, their_t, their_s, mine_split, mine, mine_t, mine_s)
-- A whole write that supersedes a whole write needs no look at parts, nor does a cell that is new here.
SELECT id, ${keys}, theirs_split, theirs, their_t, their_s, mine_split, mine, mine_t, mine_s
FROM (
  SELECT
    incoming.rowid AS id,
    ${incoming_keys},
    arrived.fresh AS fresh,
    ${theirs_split} AS theirs_split,
    (incoming.${word} >> ${incoming_bit}) & 1 AS sent,
    incoming.${value} AS theirs,
    ifnull(incoming.${t}, incoming.t) AS their_t,
    (SELECT local FROM temp._crdt_from WHERE remote = ifnull(incoming.${s}, incoming.s)) AS their_s,
    ${mine_split} AS mine_split,
    CASE WHEN shown.${row_marker} IS NULL THEN held.${held_value} ELSE shown.${column} END AS mine,
    CASE WHEN NOT arrived.fresh THEN ${old_t} END AS mine_t,
    CASE WHEN NOT arrived.fresh THEN ${old_s} END AS mine_s
  FROM ${arrived} AS arrived
  CROSS JOIN ${image}.${row_table} AS incoming ON incoming.rowid = arrived.id
  LEFT JOIN ${clock} AS clock ON ${clock_is_incoming}
  LEFT JOIN ${table} AS shown ON ${shown_is_incoming}
  LEFT JOIN ${held} AS held ON held.id = clock.held
)
WHERE (theirs_split AND NOT (${takes_fresh} AND fresh AND sent))
  OR (
    sent
    AND NOT fresh
    AND (
      mine_split
      OR (mine_t & 4611686018427387903) > ifnull((SELECT upto FROM temp._crdt_theirs WHERE ordinal = mine_s), 0)
    )
  )
