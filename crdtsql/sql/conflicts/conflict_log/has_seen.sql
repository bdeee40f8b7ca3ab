(s = ${site} AND (t & 4611686018427387903) > (${hlc} & 4611686018427387903))
    OR ifnull(
      (
        SELECT merged.upto
        FROM _crdt_merged AS merged
        WHERE merged.site = s AND merged.peer = ${site} AND merged.at <= (t & 4611686018427387903)
        ORDER BY merged.at DESC
        LIMIT 1
      ),
      0
    ) >= (${hlc} & 4611686018427387903)
