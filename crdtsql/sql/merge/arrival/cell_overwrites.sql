((CASE
      WHEN (incoming.${word} >> ${incoming_bit}) & 1 AND ${newer}
      THEN EXISTS (
        SELECT 1
        FROM temp._crdt_unseen AS unseen
        WHERE unseen.t = ${new_t}
          AND unseen.remote = ${new_s}
          AND unseen.uid = ${uid}
          AND (unseen.lost_s = 0 OR ${is_typed} OR (unseen.lost_t = ${old_t} AND unseen.lost_s = ${old_s}))
      )
      ELSE 0
    END) << ${bit})
