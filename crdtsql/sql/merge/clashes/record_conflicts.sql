INSERT INTO _crdt_conflict (id, tbl, col, won_t, won_s, won, lost_t, lost_s, lost, took, ${keys})
SELECT
  :last_conflict + :skipped + row_number() OVER (),
  :tbl,
  :col,
  CASE WHEN wins THEN new_t ELSE old_t END,
  CASE WHEN wins THEN new_s ELSE old_s END,
  CASE WHEN wins THEN theirs ELSE mine END,
  CASE WHEN wins THEN old_t ELSE new_t END,
  CASE WHEN wins THEN old_s ELSE new_s END,
  CASE WHEN wins THEN mine ELSE theirs END,
  CASE WHEN wins THEN 'theirs' ELSE 'ours' END,
  ${keys}
FROM (
  ${both_values}
  WHERE (met.${clash} >> ${bit}) & 1
    AND met.id >= :first
)
WHERE mine IS NOT theirs
