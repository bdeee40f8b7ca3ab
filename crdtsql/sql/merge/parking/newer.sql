(
    excluded.t > mine.t
    OR (
      excluded.t = mine.t
      AND (SELECT site.id FROM _crdt_site AS site WHERE site.ordinal = excluded.s)
        > (SELECT site.id FROM _crdt_site AS site WHERE site.ordinal = mine.s)
    )
  )
