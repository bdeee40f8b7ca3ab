CREATE TABLE _crdt_quiet (
  -- While a row is here, capture triggers do nothing: crdtsql writes to the user's tables. No transaction leaves one.
  id INTEGER PRIMARY KEY
);

DROP INDEX IF EXISTS _crdt_conflict_open;

CREATE INDEX _crdt_conflict_row ON _crdt_conflict (tbl, k1);
