CREATE TEMP TABLE _crdt_step (
  -- The events of one table: "row" is the seq of the first event of the same row, came that of its write
  -- before, which is not perhaps an eviction. ended is
  -- the seq of its next insert or removal that holds it, first_end the same with this event; held what a removal held; mask the
  -- columns of an update; last 1 for the row's last event.
  seq INTEGER PRIMARY KEY, "row" INTEGER, hlc INTEGER, s INTEGER, op INTEGER, held INTEGER, mask INTEGER, came INTEGER, ended INTEGER,
  first_end INTEGER, last INTEGER, ${keys}
)
