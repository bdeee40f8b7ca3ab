CREATE TEMP TABLE ${settled} (
  -- The rows of one step that can be forgotten, or written shorter.
  ${keys},
  becomes TEXT NOT NULL,  -- gone: nothing; empty: a number alone; genesis: a row of the genesis; shorter: the same row
  held INTEGER            -- the held row that has its values
)
