SELECT "table", old, new, "when"
FROM crdt_renumbered
WHERE ?1 IS NULL OR "table" = ?1
ORDER BY "table" COLLATE NOCASE, old, new
