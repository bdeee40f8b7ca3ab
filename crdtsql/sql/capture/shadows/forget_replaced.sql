DELETE FROM _crdt_was WHERE seq IN (SELECT seq FROM _crdt_log WHERE tbl = :tbl)
