printf(
    '%d.%d',
    (SELECT value + 1 FROM _crdt_meta WHERE name = 'batch'),
    waits + max(
      (SELECT value FROM _crdt_meta WHERE name = 'clock'),
      (SELECT max((CAST(at AS INTEGER) >> 20 << 16) - seq) FROM _crdt_log WHERE seq <= waits)
    )
  )
