ifnull((
          SELECT max(merged.upto)
          FROM main._crdt_merged AS merged
          WHERE merged.site = reference.s AND merged.peer = ${site} AND merged.at <= reference.t
        ), 0)
