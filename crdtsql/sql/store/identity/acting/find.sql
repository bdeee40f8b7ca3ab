SELECT actor, session, run, note
FROM (
  SELECT upto, actor, session, run, note
  FROM _crdt_attribution
  WHERE site = :site AND since <= :hlc
  ORDER BY since DESC
  LIMIT 1
)
WHERE upto >= :hlc
