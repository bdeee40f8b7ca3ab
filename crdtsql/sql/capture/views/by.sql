(
    SELECT CASE WHEN known.upto >= ${hlc} THEN known.${name} END
    FROM _crdt_attribution AS known
    WHERE known.site = ${site} AND known.since <= ${hlc}
    ORDER BY known.since DESC
    LIMIT 1
  )