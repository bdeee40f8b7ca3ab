CREATE TEMP TABLE _crdt_default (
  -- A column like one of the user's; its one row has the default.
  value ${declared} DEFAULT ${default}
) ${strict}
