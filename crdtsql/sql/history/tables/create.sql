CREATE TABLE ${history} (
  -- Every write to a table, in the order of hlc: at and site are its stamp, op 1 insert, 2 delete, 4 update, or 0: how the row was before.
  -- columns: the uids of the columns that it wrote. seen: the writes of other sites that it saw as the row's last, as [hlc, site].
  -- since: of op 0 the hlc of the row's last write before. Values are v_<uid>, o_<uid> what a typed column was before, keys k_<uid>.
  at INTEGER NOT NULL,
  site BLOB NOT NULL,
  op INTEGER NOT NULL,${keys}
  columns TEXT,
  seen TEXT,
  since INTEGER,
  actor TEXT,
  session TEXT,
  run TEXT,
  note TEXT,${values}
  PRIMARY KEY (at, site, op)
) WITHOUT ROWID
