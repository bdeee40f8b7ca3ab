${value} ANY,
  ${t} INTEGER CHECK (${t} BETWEEN -4611686018427387903 AND ${highest}),
  ${s} INTEGER CHECK (${s} BETWEEN 1 AND ${sites}) CHECK ((${s} IS NULL) = (${t} IS NULL))
