CASE typeof(at)
    WHEN 'integer' THEN at >> 20
    -- Triggers of older formats wrote a julian day.
    ELSE CAST(round((ifnull(at, 0) - 2440587.5) * 86400000) AS INTEGER)
  END
