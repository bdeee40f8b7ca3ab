INSERT INTO ${met} (
  id, ${keys}, t, s, dot_t, dot_s, gone, old_t, old_s, old_dot_t, old_dot_s, old_gone, old_held, complex,
  ${won_words}, ${clash_words}
)
SELECT
  id, ${keys},
  CASE WHEN newer THEN in_t ELSE old_t END,
  CASE WHEN newer THEN in_s ELSE old_s END,
  in_dot_t, in_dot_s, in_gone,
  old_t, old_s, old_dot_t, old_dot_s, old_gone, old_held,
  CASE
    WHEN many THEN 1
    WHEN (old_dot_t & 4611686018427387903) <= ifnull((SELECT upto FROM temp._crdt_theirs WHERE ordinal = old_dot_s), 0)
      THEN 0
    WHEN (${add}_gone IS NULL AND ${delete}_gone = 1)
      OR (
        old_gone IS in_gone
        AND (
          old_dot_t > in_dot_t
          OR (
            old_dot_t = in_dot_t
            AND (SELECT site.id FROM _crdt_site AS site WHERE site.ordinal = old_dot_s)
              > (SELECT site.id FROM _crdt_site AS site WHERE site.ordinal = in_dot_s)
          )
        )
      )
      THEN 3
    ELSE 2
  END,
  ${won_words}, ${clash_words}
FROM (
  SELECT
    incoming.rowid AS id,
    ${incoming_keys},
    incoming.t AS in_t,
    origin.local AS in_s,
    ifnull(incoming.dot_t, incoming.t) AS in_dot_t,
    dot_origin.local AS in_dot_s,
    incoming.gone AS in_gone,
    ifnull(clock.t, :genesis_t) AS old_t,
    ifnull(clock.s, :genesis_s) AS old_s,
    coalesce(clock.dot_t, clock.t, :genesis_t) AS old_dot_t,
    coalesce(clock.dot_s, clock.s, :genesis_s) AS old_dot_s,
    clock.gone AS old_gone,
    clock.held AS old_held,
    ifnull(incoming.many, 0) OR ifnull(clock.many, 0) AS many,
    ${row_is_newer} AS newer,
    ${won},
    ${clash}
  FROM ${arrived} AS arrived
  CROSS JOIN ${image}.${row_table} AS incoming ON incoming.rowid = arrived.id
  JOIN temp._crdt_from AS origin ON origin.remote = incoming.s
  JOIN temp._crdt_from AS dot_origin ON dot_origin.remote = ifnull(incoming.dot_s, incoming.s)
  LEFT JOIN ${clock} AS clock ON ${clock_is_incoming}
  WHERE NOT arrived.fresh
)
