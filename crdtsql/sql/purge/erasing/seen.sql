SELECT id, max(won_seen) AS won_seen, max(lost_seen) AS lost_seen
-- A row may be purged twice, by two sites that did not know of each other; what either had seen is to be forgotten.
FROM (
  SELECT id, (${has_seen_won}) AS won_seen, (${has_seen_lost}) AS lost_seen
  FROM (
    SELECT
      entry.id AS id,
      entry.won_t AS won_t,
      entry.won_s AS won_s,
      entry.lost_t AS lost_t,
      entry.lost_s AS lost_s,
      purge.t AS t,
      purge.s AS s
    FROM temp._crdt_purge AS purge
    JOIN ${clock} AS clock ON ${clock_is_purge}
    CROSS JOIN _crdt_conflict AS entry ON entry.tbl = purge.tbl AND ${clock_is_entry}
    WHERE purge.tbl = :tbl
  )
)
GROUP BY id
