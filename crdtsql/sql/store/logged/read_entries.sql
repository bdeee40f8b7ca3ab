SELECT
  (SELECT min(seq) FROM main._crdt_log),
  max(seq),
  max(typeof(at) <> 'integer'),
  -- One text, because rows of their own cost twice the time.
  json_group_array(CAST(ifnull(at, 0) AS INTEGER))
FROM (SELECT seq, at FROM main._crdt_log WHERE seq > :after ORDER BY seq LIMIT :most)
