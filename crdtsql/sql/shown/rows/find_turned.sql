INSERT INTO temp._crdt_turned (${keys}, t, s, old_t, old_s, old_held)
-- Rows with a further head of the kind that decides from now on, and the newest such head, which becomes the first.
SELECT ${keys}, t, s, old_t, old_s, old_held
FROM (
  SELECT
    ${clock_keys},
    heads.t AS t,
    heads.s AS s,
    ifnull(clock.dot_t, clock.t) AS old_t,
    ifnull(clock.dot_s, clock.s) AS old_s,
    clock.held AS old_held,
    row_number() OVER (PARTITION BY ${clock_keys} ORDER BY heads.t DESC, site.id DESC) AS rank
  FROM ${heads} AS heads
  CROSS JOIN ${clock} AS clock ON ${clock_is_heads}
  JOIN _crdt_site AS site ON site.ordinal = heads.s
  WHERE heads.gone IS :gone AND clock.gone IS NOT :gone
)
WHERE rank = 1
