${newer}
        AND EXISTS (
          SELECT 1
          FROM temp._crdt_unseen AS unseen
          WHERE unseen.t = ${new_t}
            AND unseen.remote = ${new_s}
            AND unseen.uid = ${uid}
            AND (
              unseen.lost_s = 0
              OR (unseen.lost_s IN (-1, -2) AND ${old_t} < 0)
              OR (unseen.lost_s = -2 AND ${old_t} <= (SELECT upto FROM temp._crdt_forgotten WHERE ordinal = ${old_s}))
              OR (unseen.lost_t = ${old_t} AND unseen.lost_s = ${old_s})
            )
        )
