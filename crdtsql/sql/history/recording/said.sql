(
    SELECT CASE WHEN known.upto >= step.hlc THEN known.${name} END
    FROM _crdt_attribution AS known
    WHERE known.site = step.s AND known.since <= step.hlc
    ORDER BY known.since DESC
    LIMIT 1
  )