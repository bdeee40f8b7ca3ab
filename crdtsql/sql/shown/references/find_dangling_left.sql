INSERT INTO ${out} (${keys})
-- Rows that were left behind: the row they refer to went, or is held.
SELECT ${child_keys}
FROM ${child} AS child
WHERE (${references}) IN (
  SELECT ${lost_values} FROM ${parent_held} AS lost WHERE lost.reason <> ${reason_deleted}
  UNION ALL
  SELECT ${lost_values}
  FROM temp._crdt_dirty AS dirty
  CROSS JOIN ${parent_clock} AS gone ON ${gone_is_dirty}
  CROSS JOIN ${parent_held} AS lost ON lost.id = gone.held
  WHERE dirty.tbl = ${parent_id}
)
  AND ${is_dangling}
ON CONFLICT DO NOTHING
