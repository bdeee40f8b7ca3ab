((CASE
      WHEN (incoming.${word} >> ${incoming_bit}) & 1
        AND (${new_t} & 4611686018427387903) > (SELECT seen FROM temp._crdt_from WHERE remote = ${new_s})
      THEN
        -- Concurrent: this replica had not seen the incoming write, nor its writer, when writing, the local one.
        (SELECT local FROM temp._crdt_from WHERE remote = ${new_s}) <> ${old_s}
        AND (${old_t} & 4611686018427387903) > ifnull(
          (
            SELECT upto
            FROM _crdt_merged
            WHERE site = (SELECT local FROM temp._crdt_from WHERE remote = ${new_s})
              AND peer = ${old_s}
              AND at <= (${new_t} & 4611686018427387903)
            ORDER BY at DESC
            LIMIT 1
          ),
          0
        )
      ELSE 0
    END) << ${bit})
