, (${stamp_t}, ${stamp_s}) = (ifnull(event.${update}, clock.${stamp_t}), CASE WHEN event.${update} IS NULL THEN clock.${stamp_s} ELSE ${site_of_update} END)
