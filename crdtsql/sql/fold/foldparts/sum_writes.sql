INSERT INTO temp._crdt_write (seq, id, first, hlc, s, counts, added)
SELECT
  min(write.seq),
  write.id,
  min(write.hlc),
  max(write.hlc),
  write.s,
  write.counts,
  ${added} FILTER (WHERE write.counts)
FROM (SELECT seq, id, hlc, s, old, new, hlc > ifnull(whole, 0) AS later, ${is_counted} AS counts FROM (${writes})) AS write
GROUP BY write.id, write.later, write.s, write.counts
