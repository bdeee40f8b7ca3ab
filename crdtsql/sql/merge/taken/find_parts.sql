INSERT OR IGNORE INTO temp._crdt_taken (id, col)
SELECT arrived.id, ${col}
FROM ${arrived} AS arrived
CROSS JOIN ${image}.${row_table} AS incoming ON incoming.rowid = arrived.id
JOIN temp._crdt_unseen AS unseen ON unseen.t = ${new_t} AND unseen.remote = ${new_s} AND unseen.uid = ${uid}
LEFT JOIN ${clock} AS clock ON ${clock_is_incoming}
WHERE NOT arrived.fresh
  AND (incoming.${word} >> ${incoming_bit}) & 1
  AND EXISTS (
    -- Any part that the cell is made of here, and that the write which took its place knew. A cell without parts is one write.
    SELECT 1
    FROM (
      SELECT part.s AS s, part.t & 4611686018427387903 AS at
      FROM ${parts} AS part
      WHERE ${part_is_incoming} AND part.col = ${col} AND part.gone IS NULL AND (NOT ${is_counter} OR part.part = '')
      UNION ALL
      -- What a site added that the writer of no base of the counter had seen.
      SELECT added.s, bases.upto + 1
      FROM (
        SELECT
          site.ordinal AS peer,
          max(
            CASE
              WHEN site.ordinal = base.s THEN base.t & 4611686018427387903
              ELSE ifnull(
                (
                  SELECT merged.upto
                  FROM _crdt_merged AS merged
                  WHERE merged.site = base.s AND merged.peer = site.ordinal AND merged.at <= (base.t & 4611686018427387903)
                  ORDER BY merged.at DESC
                  LIMIT 1
                ),
                0
              )
            END
          ) AS upto
        FROM ${parts} AS base
        CROSS JOIN _crdt_site AS site
        WHERE ${base_is_incoming} AND base.col = ${col} AND base.part = '' AND ${is_counter}
        GROUP BY site.ordinal
      ) AS bases
      JOIN ${parts} AS added
        ON ${added_is_incoming}
        AND added.col = ${col}
        AND added.part >= '+'
        AND added.part < ','
        AND added.s = bases.peer
        AND (added.t & 4611686018427387903) > bases.upto
      UNION ALL
      SELECT ${old_s}, ${old_t} & 4611686018427387903
      WHERE NOT EXISTS (SELECT 1 FROM ${parts} AS part WHERE ${part_is_incoming} AND part.col = ${col})
    ) AS mine
    WHERE mine.at <= CASE
        WHEN mine.s = unseen.since_s THEN unseen.since_t - 1
        ELSE ifnull(
          (
            SELECT merged.upto
            FROM _crdt_merged AS merged
            WHERE merged.site = unseen.since_s AND merged.peer = mine.s AND merged.at <= unseen.since_t
            ORDER BY merged.at DESC
            LIMIT 1
          ),
          0
        )
      END
  )
