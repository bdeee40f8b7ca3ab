DELETE FROM _crdt_conflict
WHERE id IN (
  SELECT id
  FROM (
    SELECT
      id,
      row_number() OVER newest AS place,
      sum(ifnull(octet_length(won), 0) + ifnull(octet_length(lost), 0)) OVER newest AS bytes
    FROM _crdt_conflict
    WINDOW newest AS (ORDER BY resolved IS NOT NULL, id DESC ROWS UNBOUNDED PRECEDING)
  )
  WHERE place > :total OR bytes > :bytes
)
