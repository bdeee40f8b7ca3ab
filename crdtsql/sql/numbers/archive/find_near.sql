SELECT first, packed
FROM main._crdt_births
-- Those that numbers from :first to :last are among, and the one before, which may have room.
WHERE tbl = :tbl
  AND first <= :last
  AND first >= ifnull((SELECT max(before.first) FROM main._crdt_births AS before WHERE before.tbl = :tbl AND before.first <= :first), :first)
