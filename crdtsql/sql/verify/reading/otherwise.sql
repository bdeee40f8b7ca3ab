CASE WHEN clock.held IS NOT NULL THEN ${shown} END
