CREATE TRIGGER ${trigger} AFTER UPDATE ${of_columns} ON ${table}
WHEN ${any_changed}
BEGIN
  SELECT RAISE(ABORT, ${message});
END
