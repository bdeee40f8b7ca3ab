CREATE TABLE ${staged} (
  ${keys},
  mine INTEGER
  ${values}
)
