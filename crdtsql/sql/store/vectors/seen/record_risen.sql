INSERT INTO _crdt_merged (site, peer, at, upto)
SELECT :self, ordinal, :at, upto
FROM _crdt_site AS other
WHERE ordinal IN (SELECT value FROM json_each(:risen))
  AND ordinal <> :self
  AND upto > ifnull((SELECT max(upto) FROM _crdt_merged WHERE site = :self AND peer = other.ordinal), 0)
