INSERT INTO main._crdt_link (site, number, since, upto, at, before, content, signature, data)
VALUES (:site, :number, :since, :upto, :at, :before, :content, :signature, :data)
ON CONFLICT (site, number) DO UPDATE SET data = excluded.data
WHERE data IS NULL
