SELECT
  (SELECT ifnull(max(seq), 0) FROM _crdt_progress),
  (SELECT ifnull(max(upto), 0) FROM _crdt_site),
  (SELECT ifnull(max(bulk), 0) FROM _crdt_table)
