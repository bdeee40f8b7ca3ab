INSERT INTO temp._crdt_step (seq, "row", hlc, s, op, held, mask, came, ended, first_end, last, ${keys})
SELECT
  seq,
  first_value(seq) OVER of_row,
  hlc,
  s,
  op,
  CASE WHEN op IN (2, 3) THEN detail END,
  CASE WHEN op > 3 THEN detail END,
  max(CASE WHEN op <> 3 THEN seq END) OVER (of_row ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
  min(CASE WHEN op IN (1, 2) OR (op = 3 AND detail IS NOT NULL) THEN seq END) OVER (of_row ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING),
  min(CASE WHEN op IN (1, 2) OR (op = 3 AND detail IS NOT NULL) THEN seq END) OVER (of_row ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING),
  lead(seq) OVER of_row IS NULL,
  ${event_keys}
FROM temp._crdt_event AS event
WHERE tbl = :tbl
WINDOW of_row AS (PARTITION BY ${keyed} ORDER BY seq)
