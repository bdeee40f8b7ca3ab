${column} = CASE WHEN met.t <> met.old_t OR met.s <> met.old_s THEN incoming.${key} ELSE target.${column} END
