INSERT INTO _crdt_conflict (id, tbl, col, won_t, won_s, won, lost_t, lost_s, lost, took, resolved, resolved_s, ${keys})
SELECT :last_conflict + row_number() OVER (), :tbl, :col, new_t, new_s, theirs, old_t, old_s, mine, 'severed', new_t, new_s, ${keys}
FROM (
  ${both_values}
  WHERE NOT (met.${clash} >> ${bit}) & 1
)
WHERE wins AND theirs IS ${severed} AND mine IS NOT NULL AND mine IS NOT theirs
