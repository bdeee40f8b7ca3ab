CREATE TEMP TABLE ${settled} (
  -- The rows of one step that can be forgotten, or written shorter.
  ${keys},
  dead INTEGER NOT NULL,  -- 1 if the row is deleted
  held INTEGER            -- the held row that has its values
)
