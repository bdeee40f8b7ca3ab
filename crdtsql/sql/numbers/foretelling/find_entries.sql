WITH
  -- The entries of rows that await one: from the insert of their key on, up to the next one.
  span AS MATERIALIZED (
    SELECT CAST(value ->> 0 AS INTEGER) AS number, value ->> 1 AS first, value ->> 2 AS last, value ->> 3 AS foretold
    FROM json_each(:spans)
  ),
  entry AS (
    SELECT
      event.seq AS seq,
      event.op AS op,
      event.detail AS detail,
      event.${key} AS number,
      max(CASE WHEN event.op = 1 THEN event.seq END) OVER (PARTITION BY ${keys} ORDER BY event.seq) AS inserted,
      max(CASE WHEN event.op = 1 THEN event.seq END) OVER (PARTITION BY ${keys}) AS stands
    FROM temp._crdt_event AS event
    WHERE event.tbl = :tbl
  )
SELECT
  entry.seq,
  CASE WHEN entry.op IN (2, 3) THEN entry.detail END,
  entry.seq = entry.stands,
  CASE WHEN typeof(entry.number) = 'text' THEN CAST(span.foretold AS TEXT) ELSE span.foretold END
FROM entry
JOIN span ON span.number = CAST(entry.number AS INTEGER) AND entry.inserted BETWEEN span.first AND span.last
