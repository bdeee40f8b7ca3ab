(id, part) IN (
    SELECT head.id, head.part
    FROM temp._crdt_part AS head
    LEFT JOIN temp._crdt_forgotten AS forgotten ON forgotten.ordinal = head.s
    -- What a site added is compared with what it added alone.
    WHERE NOT (head.part >= '+' AND head.part < ',')
    GROUP BY head.id, head.part
    HAVING count(head.mine)
      AND count(head.theirs)
      AND NOT max(head.t = -4611686018427387904 OR (head.t & 4611686018427387903) > ifnull(forgotten.upto, 0))
  )
