INSERT INTO _crdt_progress (seq, site, upto)
-- As if everything had come in the first batch: exports look at more rows than they need, never at fewer.
SELECT 1, ordinal, upto
FROM _crdt_site
WHERE upto > 0
