SELECT EXISTS (
  -- A row that is shown, though not under its own key, and of which nothing says under which one.
  SELECT 1
  FROM ${held} AS held
  JOIN ${clock} AS clock ON clock.held = held.id
  WHERE held.reason GLOB ${reason_like_masked}
    AND NOT EXISTS (SELECT 1 FROM ${moved} AS moved WHERE moved.held = held.id)
    AND NOT EXISTS (SELECT 1 FROM ${table} AS shown WHERE ${shown_is_held})
)
