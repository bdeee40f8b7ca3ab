(
    NOT EXISTS (SELECT 1 FROM ${parts} AS part WHERE ${part_is_clock} AND part.col = ${col})
    OR EXISTS (
      SELECT 1
      FROM ${parts} AS part
      LEFT JOIN temp._crdt_receiver AS receiver ON receiver.ordinal = part.s
      WHERE ${part_is_clock} AND part.col = ${col} AND part.part = ''
        AND (part.t = -4611686018427387904 OR (part.t & 4611686018427387903) > receiver.upto)
    )
  )
