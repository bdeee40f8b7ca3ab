UPDATE temp._crdt_write AS write
SET i = numbered.place
FROM (SELECT seq, row_number() OVER (PARTITION BY id ORDER BY seq) AS place FROM temp._crdt_write) AS numbered
WHERE numbered.seq = write.seq
