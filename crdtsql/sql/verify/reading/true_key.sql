ifnull(CASE WHEN clock.held IS NULL THEN ${shown} ELSE ${held} END, ${clock})
