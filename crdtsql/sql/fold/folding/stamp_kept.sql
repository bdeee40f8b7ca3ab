, CASE WHEN inserted IS NULL THEN ${stamp_t} END, CASE WHEN inserted IS NULL THEN ${stamp_s} END
