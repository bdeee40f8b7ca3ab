CREATE INDEX IF NOT EXISTS temp._crdt_event_key ON _crdt_event (tbl, k1);

CREATE INDEX IF NOT EXISTS temp._crdt_event_detail ON _crdt_event (tbl, detail)
