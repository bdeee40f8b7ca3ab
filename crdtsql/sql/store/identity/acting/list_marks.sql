-- As bytes, because a client may have written what is no text.
SELECT after, CAST(actor AS BLOB), CAST(session AS BLOB), CAST(run AS BLOB), CAST(note AS BLOB)
FROM main._crdt_acting
ORDER BY id
