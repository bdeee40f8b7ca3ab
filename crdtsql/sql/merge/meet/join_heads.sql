UPDATE ${met} AS met
SET dot_t = head.t, dot_s = head.s, gone = head.gone, complex = EXISTS (SELECT 1 FROM temp._crdt_head AS other WHERE other.id = met.id AND other.rank = 2)
FROM temp._crdt_head AS head
WHERE head.id = met.id AND head.rank = 1
