EXISTS (
      SELECT 1
      FROM ${parts} AS part
      LEFT JOIN temp._crdt_forgotten AS forgotten ON forgotten.ordinal = part.s
      WHERE ${part_is_cell}
        AND part.col = :col
        AND part.part = ''
        AND (part.t = -4611686018427387904 OR (part.t & 4611686018427387903) > ifnull(forgotten.upto, 0))
    )
