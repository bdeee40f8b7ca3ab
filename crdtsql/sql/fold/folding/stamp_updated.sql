, CASE WHEN ${update} > ifnull(inserted, 0) THEN ${update} WHEN inserted IS NULL THEN ${stamp_t} END,
  CASE WHEN ${update} > ifnull(inserted, 0) THEN ${site_of_update} WHEN inserted IS NULL THEN ${stamp_s} END
