CASE
    WHEN ${new_t} = met.t AND ${new_s} = met.s THEN NULL
    ELSE ${new_t}
  END,
  CASE
    WHEN ${new_t} = met.t AND ${new_s} = met.s THEN NULL
    ELSE ${new_s}
  END
