EXISTS (
    SELECT 1 FROM (
      SELECT type, atom FROM json_each(CASE WHEN json_valid(${old}) THEN ${old} END)
      EXCEPT
      SELECT type, atom FROM json_each(CASE WHEN json_valid(${new}) THEN ${new} END)
    )
  )
