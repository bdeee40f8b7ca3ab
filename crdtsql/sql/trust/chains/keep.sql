INSERT INTO main._crdt_link (site, number, since, upto, at, before, content, signature, data)
VALUES (:site, :number, :since, :upto, :at, :before, :content, :signature, :data)
ON CONFLICT (site, number) DO UPDATE SET
  since = excluded.since,
  upto = excluded.upto,
  at = excluded.at,
  before = excluded.before,
  content = excluded.content,
  signature = excluded.signature,
  data = excluded.data
WHERE content = excluded.content AND data IS NULL OR upto < excluded.upto
