CREATE TRIGGER ${trigger} AFTER INSERT ON ${table}
WHEN ${any_refused}
BEGIN
  ${refusals}
END
