
        -- Of a row that a compaction may have been at, stamps do not say all that was seen: it is all that is here.
        UNION ALL
        SELECT max(entry.at), entry.site
        FROM ${history} AS entry
        WHERE ${entry_is_step}
          AND ${is_sound}
          AND NOT EXISTS (SELECT 1 FROM ${clock} AS clock WHERE ${clock_is_step} AND ifnull(clock.dot_t, clock.t) > :settled)
        GROUP BY entry.site