UPDATE temp._crdt_met AS met
SET dot_t = head.t, dot_s = head.s, gone = head.gone, complex = (SELECT count(*) > 1 FROM temp._crdt_head AS every WHERE every.id = met.id)
FROM temp._crdt_head AS head
WHERE head.id = met.id AND head.rank = 1
